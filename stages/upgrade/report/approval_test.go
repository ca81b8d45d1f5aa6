package report_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

func TestAStageRefusesAWorldThatWasNotApproved(t *testing.T) {
	world := []report.Subject{{Name: "traffic", Now: "blue"}}
	digest := report.Digest(world)
	unread := errors.New("the platform does not answer")
	for name, c := range map[string]struct {
		digest string
		now    string
		err    error
		class  runner.Class
		says   string
	}{
		"the same":       {digest: digest, now: "blue"},
		"another":        {digest, "green", nil, runner.Refused, "traffic was another (" + world[0].Hash() + ") when the plan was approved, and is now green; make a new plan, and approve that"},
		"no digest":      {"nonsense", "blue", nil, runner.Misconfigured, `PLAN_DIGEST: "nonsense" is not a digest that this version makes: plan anew`},
		"cannot be read": {digest, "blue", unread, runner.Failed, unread.Error()},
	} {
		a := report.Approval{Digest: c.digest, By: "ann", Subjects: func(context.Context) ([]report.Subject, error) {
			return []report.Subject{{Name: "traffic", Now: c.now}}, c.err
		}}
		var o runner.Observation
		err := a.Check(t.Context(), &o)
		switch {
		case c.says == "" && (err != nil || o.Said() != "1 subjects, approved by ann"):
			t.Errorf("%s: %v, said %q", name, err, o.Said())
		case c.says != "" && (err == nil || err.Error() != c.says || runner.ClassOf(err) != c.class):
			t.Errorf("%s: %v (%v); want %q", name, err, runner.ClassOf(err), c.says)
		}
	}
}

func TestTheSettingsThatSayWhatIsDoneAreSubjects(t *testing.T) {
	settings := report.Settings{
		Values: []environ.Value{
			{Name: "STAGE", Text: "preview", Default: true},
			{Name: "DRAIN", Text: "1m0s", Default: true},
			{Name: "ROUTERS", Text: "3"},
			{Name: "SMOKE_TEST", Text: "curl -u me:s3cret"},
			{Name: "SERVICE_PARAMETERS", Default: true},
			{Name: "START_TIMEOUT", Text: "5m0s"},
			{Name: "LEASE_HEARTBEAT", Text: "5s"},
			{Name: "RATE", Text: "9"},
			{Name: "WITNESS_RATE", Text: "9"},
		},
		NotApproved:    []string{"*_TIMEOUT", "LEASE_*", "RATE"},
		MayHoldSecrets: []string{"SMOKE_TEST", "SERVICE_PARAMETERS"},
	}
	const none = "the default"
	want := []report.Subject{
		{Name: "STAGE", None: none, Now: `"preview"`},
		{Name: "DRAIN", None: none},
		{Name: "ROUTERS", None: none, Now: `"3"`},
		{Name: "SMOKE_TEST", None: none, Now: "set", Hidden: "curl -u me:s3cret"},
		{Name: "SERVICE_PARAMETERS", None: none},
		{Name: "WITNESS_RATE", None: none, Now: `"9"`},
	}
	if diff := cmp.Diff(want, settings.Subjects()); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
}
