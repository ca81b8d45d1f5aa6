package report_test

import (
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

func TestADigestAgreesWithTheWorldAndWithWhatTheRunMakesOfIt(t *testing.T) {
	approved := []report.Subject{
		{Name: "traffic", Now: "blue"}, {Name: "image", Now: "one", Hidden: "s3cret"}, {Name: "run"}, {Name: "DRAIN", None: "the default"},
	}
	digest := report.Digest(approved)
	for name, c := range map[string]struct {
		now  report.Subject
		says string
	}{
		"the same":                       {report.Subject{Name: "traffic", Now: "blue"}, ""},
		"further on the way":             {report.Subject{Name: "traffic", Now: "green", Was: []string{"blue", "both"}}, ""},
		"on no way":                      {report.Subject{Name: "traffic", Now: "nobody"}, "and is now nobody"},
		"made by the run":                {report.Subject{Name: "run", Now: "r1", Was: []string{""}}, ""},
		"made by somebody":               {report.Subject{Name: "run", Now: "r1"}, "run was not there when the plan was approved, and is now r1"},
		"taken away by the run":          {report.Subject{Name: "image", Gone: true}, ""},
		"taken away by somebody":         {report.Subject{Name: "image"}, "image was another ("},
		"there, though it might be gone": {report.Subject{Name: "image", Now: "two", Hidden: "s3cret", Gone: true}, "and is now two"},
		"another in what is hidden":      {report.Subject{Name: "image", Now: "one", Hidden: "0ther"}, "and is now one"},
		"a setting that was the default": {report.Subject{Name: "DRAIN", None: "the default", Now: `"5s"`}, `DRAIN was the default when the plan was approved, and is now "5s"`},
	} {
		t.Run(name, func(t *testing.T) {
			world := append([]report.Subject{}, approved...)
			for i := range world {
				if world[i].Name == c.now.Name {
					world[i] = c.now
				}
			}
			err := report.Agrees(digest, world)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v; want %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error()+digest, "s3cret") {
				t.Errorf("what is hidden is shown: %v", err)
			}
		})
	}
}

func TestADigestOfAnotherProgramIsNotCompared(t *testing.T) {
	world := []report.Subject{{Name: "traffic", Now: "blue"}}
	if err := report.Agrees(report.Digest(append(world, report.Subject{Name: "moon", Now: "full"})), world); err == nil || !strings.Contains(err.Error(), "moon is not known") {
		t.Errorf("a subject that is not known: %v", err)
	}
	for _, digest := range []string{"", "2:traffic=0000000000", "1:", "1:traffic", "1:traffic=xyz", "traffic=0000000000", "1:traffic=0000000000,"} {
		if err := report.Agrees(digest, world); err == nil || runner.ClassOf(err) != runner.Misconfigured {
			t.Errorf("%q: %v", digest, err)
		}
	}
}
