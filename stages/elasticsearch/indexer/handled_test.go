package indexer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
)

// again runs a catch-up after another one, which recorded what it handled.
func again(t *testing.T, a *eventsAPI, before indexer.CatchUpReport) (indexer.CatchUpReport, error) {
	t.Helper()
	text, err := json.Marshal(before.Handled)
	if err != nil {
		t.Fatal(err)
	}
	o := indexer.CatchUpOptions{Targets: indexer.Defaults("preview").Live()[:1], Since: before.Cursor.Add(-indexer.Overlap)}
	if err := json.Unmarshal(text, &o.Handled); err != nil {
		t.Fatal(err)
	}
	a.requests = nil
	target := searchAPI(func(*http.Request) (int, string, error) { return 200, `{}`, nil })
	o.Concurrency = 1
	return indexer.CatchUp(writing(t), a.client(), target, o)
}

// What an earlier catch-up handled is not handled again, but for events that were not
// visible then.
func TestWhatWasHandledIsNotHandledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		events := []string{
			event(40, "update_service", now.Add(-2*time.Minute), `{"serviceId":"1"}`),
			event(42, "framework_update", now.Add(-time.Minute), `{}`),
			event(43, "supplier_update", now.Add(-time.Minute), `{"supplierId":7}`),
		}
		a := &eventsAPI{date: now, events: func(int) []string { return events }}
		report, err := catchUpWith(t, a)
		if err != nil || report.Events != 2 {
			t.Fatalf("%+v, %v", report, err)
		}
		for i, late := range []string{
			"",
			event(41, "update_service", now.Add(-90*time.Second), `{"serviceId":"2"}`),
			"",
			event(44, "supplier_update", now, `{"supplierId":7}`),
			event(39, "update_service", now.Add(-indexer.Overlap-time.Second), `{"serviceId":"2"}`), // later than any is
			event(38, "update_service", now.Add(-indexer.Overlap), `{"serviceId":"2"}`),
		} {
			want := 0
			if late != "" {
				events = append(events, late)
				want = 1
			}
			if i == 4 {
				want = 0
			}
			if report, err = again(t, a, report); err != nil || report.Events != want {
				t.Errorf("catch-up %d handled %d events, want %d: %v", i, report.Events, want, err)
			}
		}
	})
}

// An object is handled again where the application, or a fill, may have written an older
// version of it since: until a minute after the change before the last.
func TestWhatMayBeOverwrittenIsHandledAgain(t *testing.T) {
	for name, c := range map[string]struct {
		// filled is whether a fill was the last to write before.
		filled bool
		// first and then are the ages and kinds of the changes.
		first, then   time.Duration
		kind, subject string
		want          int
	}{
		"after a fill":                                   {true, 30 * time.Second, 0, "framework_update", `{}`, 1},
		"long after a fill":                              {true, 70 * time.Second, 0, "framework_update", `{}`, 0},
		"changed once":                                   {false, 30 * time.Second, 0, "framework_update", `{}`, 0},
		"changed twice in a minute":                      {false, 30 * time.Second, 10 * time.Second, "update_service", `{"serviceId":"1"}`, 2},
		"changed twice, in more than a minute":           {false, 70 * time.Second, 10 * time.Second, "update_service", `{"serviceId":"1"}`, 0},
		"two are changed":                                {false, 30 * time.Second, 10 * time.Second, "update_service", `{"serviceId":"2"}`, 0},
		"its supplier has another name":                  {false, 30 * time.Second, 10 * time.Second, "supplier_update", `{"supplierId":7}`, 1},
		"its supplier has another name, since long":      {false, 70 * time.Second, 10 * time.Second, "supplier_update", `{"supplierId":7}`, 0},
		"its supplier has another name, and had it then": {false, 30 * time.Second, 40 * time.Second, "supplier_update", `{"supplierId":7}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				a := &eventsAPI{date: now}
				a.events = func(int) []string {
					return []string{event(1, "update_service", now.Add(-4*time.Minute), `{"serviceId":"1"}`)}
				}
				report, err := catchUpWith(t, a)
				if c.filled {
					report = indexer.CatchUpReport{Cursor: now}
				}
				a.events = func(int) []string {
					return []string{
						event(2, "update_service", now.Add(-c.first), `{"serviceId":"1"}`),
						event(3, c.kind, now.Add(-c.then), c.subject),
					}
				}
				if err == nil {
					report, err = again(t, a, report)
				}
				for _, want := range []int{c.want, 0} {
					time.Sleep(2 * time.Minute)
					a.date = time.Now()
					if err == nil {
						report, err = again(t, a, report)
					}
					if err != nil || report.Events != want {
						t.Errorf("%d events were handled again, want %d: %v", report.Events, want, err)
					}
				}
			})
		})
	}
}

func TestCatchUpBeginsWithTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events, want []string
		for id := range 9 {
			events = append(events, event(id, "update_service", time.Now().Add(time.Duration(id)*time.Second), fmt.Sprintf(`{"serviceId":"%d"}`, id)))
			want = append(want, fmt.Sprintf("/services/%d", 8-id), fmt.Sprintf("/services/%d", 8-id))
		}
		a := &eventsAPI{date: time.Now(), events: func(int) []string { return events }}
		if _, err := again(t, a, indexer.CatchUpReport{Cursor: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, a.requests); diff != "" {
			t.Error(diff)
		}
	})
}

// What is recorded fits into an annotation, however many ids are missing in between: then
// the oldest are handled again.
func TestWhatWasHandledFitsIntoAnAnnotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		var events []string
		for i := range 2000 {
			at := now.Add(time.Duration(i-2000) * 100 * time.Millisecond)
			events = append(events, event(999_000_000+2*i, "update_service", at, fmt.Sprintf(`{"serviceId":"%d"}`, i)))
		}
		a := &eventsAPI{date: now, events: func(int) []string { return events }}
		report, err := catchUpWith(t, a)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(report.Handled)
		if err != nil || len(text) > 4500 || !strings.Contains(string(text), "999003998-999003998") {
			t.Errorf("%d bytes, %v: %s", len(text), err, text)
		}
		if report, err = again(t, a, report); err != nil || report.Events != 1900 {
			t.Errorf("%d of 2,000 events were handled again: %v", report.Events, err)
		}
	})
}

func TestWhatIsNoRecordOfEvents(t *testing.T) {
	for _, text := range []string{`{`, `{"settled":"x"}`, `{"recent":"1"}`, `{"recent":"1-99999999999"}`, `{"settled":"1-2,3"}`} {
		var h indexer.Handled
		if err := json.Unmarshal([]byte(text), &h); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}
