package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func newRun() *journal.Run {
	return &journal.Run{Version: "1.2.3", Facts: map[string]string{"blue-app": "a1", "plan": "small-ha-7.x"}}
}

func begun(t *testing.T, s *space) (*journal.Journal, *journal.Run) {
	t.Helper()
	j := journal.New(s, "search-api")
	run := newRun()
	if err := j.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	return j, run
}

func loaded(t *testing.T, j *journal.Journal) *journal.Run {
	t.Helper()
	run, err := j.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestWhatIsRecordedIsReadBack(t *testing.T) {
	s := newSpace()
	j, run := begun(t, s)
	at := time.Date(2026, 11, 23, 15, 42, 0, 0, time.UTC)
	mark := journal.Completion{Verdict: "done", Build: "https://jenkins.invalid/41", Started: at, Ended: at.Add(time.Minute), Facts: map[string]any{"documents": 36311.0}}
	steps := map[string]error{
		"a fact":       j.Set(t.Context(), run, "green-app", "a2"),
		"a completion": j.Complete(t.Context(), run, "push-app", mark),
		"a direction":  j.GoBack(t.Context(), run),
		"no fact":      j.Unset(t.Context(), run, "plan"),
	}
	for what, err := range steps {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if diff := cmp.Diff(run, loaded(t, j)); diff != "" {
		t.Errorf("what is in memory and what is read differ:\n%s", diff)
	}
	if run.Direction != journal.Back || run.Facts["green-app"] != "a2" || run.Facts["plan"] != "" || run.Complete["push-app"].Build != mark.Build {
		t.Errorf("got %+v", run)
	}
	if err := j.Reopen(t.Context(), run, "push-app"); err != nil || len(loaded(t, j).Complete) != 0 {
		t.Errorf("the mark stays: %v", err)
	}
}

func TestARunIsMadeByOneWriteAndCarriesItsLabel(t *testing.T) {
	s := newSpace()
	_, run := begun(t, s)
	if diff := cmp.Diff([]string{"create cutover-search-api"}, s.writes); diff != "" {
		t.Error(diff)
	}
	if got := s.instances[run.GUID].Labels[cloudfoundry.RunLabel]; got != run.ID {
		t.Errorf("the label is %q, the run %q", got, run.ID)
	}
}

func TestThereIsOneRunAtATime(t *testing.T) {
	s := newSpace()
	j, first := begun(t, s)
	err := j.Create(t.Context(), &journal.Run{ID: "20261123-1542-aaaa"})
	if runner.ClassOf(err) != runner.Refused {
		t.Errorf("got %v, want a refusal", err)
	}
	if loaded(t, j).ID != first.ID {
		t.Error("the first run is gone")
	}
}

func TestWhatDoesNotFitIsRefusedBeforeItIsSent(t *testing.T) {
	s := newSpace()
	j, run := begun(t, s)
	sent := len(s.writes)
	for name, err := range map[string]error{
		"too long":               j.Set(t.Context(), run, "cursor", strings.Repeat("é", 5001)),
		"a name of the journal":  j.Set(t.Context(), run, "id", "x"),
		"a mark under its name":  j.Set(t.Context(), run, "stage-push-app", "x"),
		"a domain in the key":    j.Set(t.Context(), run, "cutover.org/x", "x"),
		"a key that ends in a -": j.Set(t.Context(), run, "x-", "x"),
		"an empty key":           j.Set(t.Context(), run, "", "x"),
		"a run too long": j.Create(t.Context(), &journal.Run{
			Facts: map[string]string{"manifest": strings.Repeat("m", 5001)},
		}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if len(s.writes) != sent {
		t.Errorf("sent all the same: %v", s.writes[sent:])
	}
	if err := j.Set(t.Context(), run, "cursor", strings.Repeat("é", 5000)); err != nil {
		t.Errorf("5,000 characters of two bytes each fit: %v", err)
	}
}

func TestAMarkWithTooManyFactsIsWrittenWithoutTheLongest(t *testing.T) {
	s := newSpace()
	j, run := begun(t, s)
	m := journal.Completion{Verdict: "done", Facts: map[string]any{"documents": 36311, "ids": strings.Repeat("1234567 ", 700)}}
	if err := j.Complete(t.Context(), run, "reindex", m); err != nil {
		t.Fatal(err)
	}
	got := loaded(t, j).Complete["reindex"]
	if got.LeftOut != 1 || len(got.Facts) != 1 || got.Facts["documents"] != 36311.0 {
		t.Errorf("got %+v", got)
	}
	if len(m.Facts) != 2 {
		t.Error("the caller's own facts were changed")
	}
}

func TestAnObjectOfThatNameThatIsNotOursIsRefused(t *testing.T) {
	s := newSpace()
	if _, err := s.CreateUserProvided(t.Context(), "cutover-search-api", nil, nil); err != nil {
		t.Fatal(err)
	}
	_, err := journal.New(s, "search-api").Load(t.Context())
	if runner.ClassOf(err) != runner.Refused {
		t.Errorf("got %v, want a refusal", err)
	}
}

// retire crashes at the n-th write, before or after it is carried out; then a
// fresh process does it again.
func TestRetireCanBeDoneAgainAfterACrashAtAnyPoint(t *testing.T) {
	crash := errors.New("crash")
	for _, after := range []bool{false, true} {
		for n := 1; n <= 2; n++ {
			t.Run(fmt.Sprintf("at write %d, carried out %t", n, after), func(t *testing.T) {
				s := newSpace()
				j, first := begun(t, s)
				if err := j.Retire(t.Context(), first); err != nil {
					t.Fatal(err)
				}
				_, second := begun(t, s)
				count := 0
				hook := func(string) error {
					if count++; count == n {
						return crash
					}
					return nil
				}
				if after {
					s.after = hook
				} else {
					s.before = hook
				}
				if err := j.Retire(t.Context(), second); !errors.Is(err, crash) {
					t.Fatalf("no crash: %v", err)
				}
				s.before, s.after = nil, nil
				if again := loaded(t, j); again != nil {
					if err := j.Retire(t.Context(), again); err != nil {
						t.Fatal(err)
					}
				}
				if err := j.Retire(t.Context(), second); err != nil {
					t.Errorf("what is retired cannot be retired again: %v", err)
				}
				last, err := j.LastRun(t.Context())
				if err != nil || last == nil || last.ID != second.ID || len(s.instances) != 1 {
					t.Errorf("the last run is %+v (%v), and there are %d objects", last, err, len(s.instances))
				}
				if loaded(t, j) != nil {
					t.Error("there is still a run")
				}
			})
		}
	}
}

func TestARunIDFitsIntoALabelAndNamesItsStart(t *testing.T) {
	id := journal.NewRunID(time.Date(2026, 11, 23, 16, 42, 0, 0, time.FixedZone("CET", 3600)))
	if !strings.HasPrefix(id, "20261123-1542-") || len(id) != len("20261123-1542-k7wq") {
		t.Errorf("got %q", id)
	}
	if id == journal.NewRunID(time.Date(2026, 11, 23, 15, 42, 0, 0, time.UTC)) {
		t.Error("two runs of one minute have one name")
	}
}
