package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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
	done := journal.Completion{Verdict: "done", Build: "https://jenkins.invalid/41", Started: at, Ended: at.Add(time.Minute), Facts: map[string]any{"documents": 36311.0}}
	steps := map[string]error{
		"a fact":       j.Set(t.Context(), run, "green-app", "a2"),
		"a completion": j.Complete(t.Context(), run, "push-app", done),
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
	if run.Direction != journal.Back || run.Facts["green-app"] != "a2" || run.Facts["plan"] != "" || run.Complete["push-app"].Build != done.Build {
		t.Errorf("got %+v", run)
	}
	if err := j.Reopen(t.Context(), run, "push-app"); err != nil || len(loaded(t, j).Complete) != 0 {
		t.Errorf("the stage is still complete: %v", err)
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
		"too long":                j.Set(t.Context(), run, "cursor", strings.Repeat("é", 174*5000)),
		"a part by its key":       j.Set(t.Context(), run, "part-1-cursor", "x"),
		"a name of the journal":   j.Set(t.Context(), run, "id", "x"),
		"a completion by its key": j.Set(t.Context(), run, "stage-push-app", "x"),
		"a domain in the key":     j.Set(t.Context(), run, "cutover.org/x", "x"),
		"a key that ends in a -":  j.Set(t.Context(), run, "x-", "x"),
		"an empty key":            j.Set(t.Context(), run, "", "x"),
		"a run too long": j.Create(t.Context(), &journal.Run{
			Facts: map[string]string{"manifest": strings.Repeat("m", 174*5000+1)},
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

// A fact has no limit of its own: it takes as many annotations as it needs, all of
// which go with one write, and gives them back when it becomes shorter.
func TestALongFactIsKeptInParts(t *testing.T) {
	s := newSpace()
	j, run := begun(t, s)
	before := len(s.instances[run.GUID].Annotations)
	for _, length := range []int{5000, 5001, 62 * 120, 300 * 120, 5, 12000, 0} {
		text := strings.Repeat("é", length)
		sent := len(s.writes)
		if err := j.Set(t.Context(), run, "routes", text); err != nil {
			t.Fatalf("%d characters: %v", length, err)
		}
		annotations := s.instances[run.GUID].Annotations
		parts := (length + 4999) / 5000
		if parts <= 1 {
			parts = 0
		}
		if len(s.writes) != sent+1 || len(annotations) != before+1+parts {
			t.Errorf("%d characters: %d writes, %d annotations, want one of %d", length, len(s.writes)-sent, len(annotations)-before, 1+parts)
		}
		for key, value := range annotations {
			if utf8.RuneCountInString(value) > 5000 {
				t.Errorf("annotation %s has %d characters", key, utf8.RuneCountInString(value))
			}
		}
		if diff := cmp.Diff(run, loaded(t, j)); diff != "" {
			t.Errorf("%d characters: what is in memory and what is read differ", length)
		}
	}
	if err := j.Set(t.Context(), run, "routes", strings.Repeat("x", 12000)); err != nil {
		t.Fatal(err)
	}
	if err := j.Unset(t.Context(), run, "routes"); err != nil || len(s.instances[run.GUID].Annotations) != before {
		t.Errorf("parts are left: %v, %v", s.instances[run.GUID].Annotations, err)
	}
}

// The answer to a write is lost, so that this process does not know how many parts there
// are; or a write of a process that was killed is executed late.
func TestNoOrderOfWritesTearsALongFact(t *testing.T) {
	lengths := []int{3, 6000, 17000, 31000}
	for _, known := range lengths {
		for _, lost := range lengths {
			for _, last := range lengths {
				s := newSpace()
				j, run := begun(t, s)
				write := func(length int) error {
					return j.Set(t.Context(), run, "routes", strings.Repeat(fmt.Sprint(length%7), length))
				}
				if err := write(known); err != nil {
					t.Fatal(err)
				}
				s.after = func(string) error { return errors.New("no answer") }
				if write(lost) == nil {
					t.Fatal("the answer is not lost")
				}
				s.after = nil
				if err := write(last); err != nil {
					t.Fatal(err)
				}
				if got := loaded(t, j).Facts["routes"]; got != run.Facts["routes"] {
					t.Errorf("%d, then %d unknown, then %d characters: %d are read", known, lost, last, len(got))
				}
			}
		}
	}
}

func TestWhatAPersonWroteInAnAnnotationStandsAsItIs(t *testing.T) {
	s := newSpace()
	j, run := begun(t, s)
	s.instances[run.GUID].Annotations["rate"] = "+50"
	if got := loaded(t, j).Facts["rate"]; got != "+50" {
		t.Errorf("got %q", got)
	}
	if err := j.Set(t.Context(), run, "sum", "+3"); err != nil || loaded(t, j).Facts["sum"] != "+3" {
		t.Errorf("a short value that looks like a number of parts: %v, %v", loaded(t, j).Facts, err)
	}
}

func TestALongAddressOfABuildDoesNotKeepAStageFromBeingComplete(t *testing.T) {
	s := newSpace()
	j, run := begun(t, s)
	if err := j.Complete(t.Context(), run, "push-app", journal.Completion{Verdict: "done", Build: strings.Repeat("x", 9000)}); err != nil {
		t.Error(err)
	}
}

func TestACompletionWithTooManyFactsIsWrittenWithoutTheLongest(t *testing.T) {
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

func TestAnObjectOfThatNameThatHoldsNoRunIsRefused(t *testing.T) {
	s := newSpace()
	if _, err := s.CreateUserProvided(t.Context(), "cutover-search-api", nil, nil); err != nil {
		t.Fatal(err)
	}
	_, err := journal.New(s, "search-api").Load(t.Context())
	if runner.ClassOf(err) != runner.Refused {
		t.Errorf("got %v, want a refusal", err)
	}
}

// retire crashes at the n-th write, before or after it is executed; then a
// fresh process does it again.
func TestRetireCanBeRepeatedAfterACrashAtAnyPoint(t *testing.T) {
	crash := errors.New("crash")
	for _, after := range []bool{false, true} {
		for n := 1; n <= 2; n++ {
			t.Run(fmt.Sprintf("at write %d, executed %t", n, after), func(t *testing.T) {
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
