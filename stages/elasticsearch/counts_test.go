package elasticsearch

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// The places of the two indices in INDICES.
const (
	services = 0
	briefs   = 1
)

func TestHowFarCountsMayDiffer(t *testing.T) {
	const gCloud, outcomes = "g-cloud-12", "briefs-digital-outcomes-and-specialists"
	for name, c := range map[string]struct {
		// edited services and briefs, and documents that are missing and too many.
		services, briefs, missing, more, missingBriefs int
		known                                          map[string]int
		// want are words of the error; "": there is none. said are words of what is said.
		want, said string
	}{
		"nothing differs":                             {said: "of 20, "},
		"one is missing":                              {missing: 1, want: gCloud + " has 19 documents, the data API 20: -1, and 0 objects changed"},
		"one is too many":                             {more: 1, want: gCloud + " has 21 documents, the data API 20: +1, and 0 objects changed"},
		"as many are missing as were edited":          {services: 2, missing: 2, said: "; 2 objects changed since the last catch-up"},
		"as many are too many as were edited":         {services: 2, more: 2, said: "; 2 objects changed since the last catch-up"},
		"one more is missing than were edited":        {services: 2, missing: 3, want: ": -3, and 2 objects changed"},
		"one more is too many than were edited":       {services: 2, more: 3, want: ": +3, and 2 objects changed"},
		"edits of briefs excuse no service":           {briefs: 1, missing: 1, want: ": -1, and 0 objects changed"},
		"edits of briefs excuse no service too many":  {briefs: 1, more: 1, want: ": +1, and 0 objects changed"},
		"blue has fewer too many than was known":      {more: 1, known: map[string]int{gCloud: 2}},
		"a known surplus excuses no lack":             {missing: 1, known: map[string]int{gCloud: 2}, want: ": -1, and 0 objects changed"},
		"edits of services excuse no brief":           {services: 1, missingBriefs: 1, want: outcomes + " has "},
		"both indices are complained of":              {missing: 1, missingBriefs: 1, want: "\n" + outcomes},
		"blue lacks what it was known to lack":        {missing: 2, known: map[string]int{gCloud: -2}, said: "; " + gCloud + " of blue alone was off by -2"},
		"blue lacks less than it was known to":        {missing: 1, known: map[string]int{gCloud: -2}},
		"blue lacks one more than was known":          {missing: 3, known: map[string]int{gCloud: -2}, want: ": -3, and 0 objects changed"},
		"a known lack excuses nothing too many":       {more: 1, known: map[string]int{gCloud: -2}, want: ": +1, and 0 objects changed"},
		"blue has too many, which was known":          {more: 2, known: map[string]int{gCloud: 2}},
		"what was known and what was edited add up":   {services: 1, missing: 3, known: map[string]int{gCloud: -2}},
		"both together excuse no more than their sum": {services: 1, missing: 4, known: map[string]int{gCloud: -2}, want: ": -4, and 1 object changed"},
		"a lack of briefs excuses no service":         {missing: 1, known: map[string]int{outcomes: -2}, want: gCloud + " has 19"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			since := w.box.Clock().Now()
			all := w.published(services)
			for _, d := range all[:c.services] {
				w.edit("update-service", d.ID)
			}
			for range c.briefs {
				w.edit("withdraw-brief", "")
			}
			for _, d := range all[10 : 10+c.missing] {
				w.remove(services, d)
			}
			for i, d := range all[:c.more] {
				w.add(services, d, []string{"90001", "90002", "90003"}[i])
			}
			for _, d := range w.published(briefs)[:c.missingBriefs] {
				w.remove(briefs, d)
			}
			o := new(runner.Observation)
			err := w.counts.compare(w.t.Context(), o, w.apis.live(), w.indices.Live(), since, c.known)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("the error is %v; it should have %q", err, c.want)
			}
			if !strings.Contains(o.Said(), c.said) {
				t.Errorf("it says %q; it should have %q", o.Said(), c.said)
			}
		})
	}
}

// An index that is not there has no count, and is no drift of any size.
func TestAnIndexThatIsMissingIsFound(t *testing.T) {
	w := newWorld(t)
	targets := w.indices.Dated(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
	o := new(runner.Observation)
	if err := w.counts.compare(t.Context(), o, w.apis.live(), targets, w.box.Clock().Now(), nil); err == nil {
		t.Errorf("indices that are not there are right: %s", o.Said())
	}
}

func TestADryRunComparesOnce(t *testing.T) {
	wrong := errors.New("g-cloud-12 has too few")
	for name, c := range map[string]struct {
		dry  bool
		want []string
	}{
		"a dry run": {true, []string{"green", "live"}},
		"a run":     {false, []string{"green", "green", "live", "green"}},
	} {
		t.Run(name, func(t *testing.T) {
			counts := &counts{apis: &apis{run: upgrade.NewRun(upgrade.RunOptions{DryRun: c.dry})}, compared: map[string]comparison{}}
			var done []string
			for _, whose := range []string{"green", "green", "live", "green"} {
				o := new(runner.Observation)
				err := counts.once(whose, func(_ context.Context, o *runner.Observation) error {
					done = append(done, whose)
					o.Say("the counts of %s", whose)
					if whose == "green" {
						return wrong
					}
					return nil
				})(t.Context(), o)
				if is := errors.Is(err, wrong); is != (whose == "green") {
					t.Errorf("of %s: %v", whose, err)
				}
				if want := "the counts of " + whose; o.Said() != want {
					t.Errorf("it says %q, not %q", o.Said(), want)
				}
			}
			if diff := cmp.Diff(c.want, done); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What INDICES names must be there: a mapping with the app, a listing with the data API.
func TestWhatINDICESNamesIsThere(t *testing.T) {
	w := newWorld(t)
	if err := w.mappings.listed(t.Context(), new(runner.Observation)); err != nil {
		t.Error(err)
	}
	known, err := w.apis.live().Mappings(t.Context())
	w.ok(err)
	if err := w.mappings.missing("blue", known); err != nil {
		t.Error(err)
	}
	err = w.mappings.missing("blue", []string{"services-g-cloud-12"})
	if want := `blue has no mapping "briefs-digital-outcomes-and-specialists-2" (INDICES), but services-g-cloud-12`; err == nil || err.Error() != want || runner.ClassOf(err) != runner.Misconfigured {
		t.Errorf("the error is %v, not %s", err, want)
	}
	misspelt := w.indices[services]
	misspelt.Frameworks = []string{"g-clowd-12"}
	w.mappings.indices = append(w.mappings.indices[:0:0], misspelt)
	err = w.mappings.listed(t.Context(), new(runner.Observation))
	if runner.ClassOf(err) != runner.Misconfigured || !strings.Contains(err.Error(), string(dataapi.Services)+" of [g-clowd-12]") {
		t.Errorf("a misspelt framework: %v", err)
	}
}

// Documents that no catch-up will make right are named, and reopen the filling until
// green gets live writes: from then on it could not be run.
func TestWrongDocumentsReopenTheFilling(t *testing.T) {
	for name, c := range map[string]struct {
		shared, edited bool
		reopens        bool
		want           string
	}{
		"before both serve":          {reopens: true, want: "; the data API alone has %s; the index alone has 90001, 90002"},
		"while both serve":           {shared: true, want: "; the data API alone has %s; the index alone has 90001, 90002"},
		"what was edited may differ": {edited: true, reopens: true, want: ", and 1 object changed since the last catch-up; the index alone has 90001, 90002"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ok(w.run.Set(w.ctx, factCursor, w.box.Clock().Now()))
			if c.shared {
				w.ok(w.run.Set(w.ctx, factShared, w.box.Clock().Now()))
			}
			all := w.published(services)
			if c.edited {
				w.edit("update-service", all[0].ID)
			}
			w.remove(services, all[0])
			w.add(services, all[1], "90001")
			w.add(services, all[1], "90002")
			if c.edited {
				w.add(services, all[0], all[0].ID)
			}
			err := w.counts.reopening(w.counts.compare(w.t.Context(), new(runner.Observation), w.apis.live(), w.indices.Live(), w.run.Time(factCursor), nil))
			if want := strings.ReplaceAll(c.want, "%s", all[0].ID); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("the error is %v; it should have %q", err, want)
			}
			reopen, is := errors.AsType[*runner.Reopen](err)
			if is != c.reopens || is && reopen.Stage != w.run.StageOf(upgrade.GreenFilled) {
				t.Errorf("it reopens %+v", reopen)
			}
		})
	}
}

// Green is known by its indices, also where one had to have another name.
func TestWhoseStatusItIs(t *testing.T) {
	w := newWorld(t)
	dated := w.indices.Dated(w.run.Started())[services].Name.String()
	for index, want := range map[string]string{
		dated: upgrade.RoleGreen, dated + "-2": upgrade.RoleGreen, "g-cloud-12-2001-01-01": upgrade.RoleBlue, dated + "0": upgrade.RoleBlue,
	} {
		if got := w.documents.answers.who([]byte(`{"es_status":{"` + index + `":{}}}`)); got != want {
			t.Errorf("%s is %s's, not %s's", index, got, want)
		}
	}
}
