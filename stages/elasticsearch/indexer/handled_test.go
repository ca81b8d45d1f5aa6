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
func again(t *testing.T, a *eventsAPI, before indexer.CatchUpReport, quick bool) (indexer.CatchUpReport, error) {
	t.Helper()
	text, err := json.Marshal(before.Handled)
	if err != nil {
		t.Fatal(err)
	}
	o := indexer.CatchUpOptions{Targets: indexer.Defaults("preview").Live()[:1], Since: before.Cursor.Add(-indexer.Overlap), Quick: quick}
	if err := json.Unmarshal(text, &o.Handled); err != nil {
		t.Fatal(err)
	}
	a.requests = nil
	target := searchAPI(func(*http.Request) (int, string, error) { return 200, `{}`, nil })
	o.Concurrency = 1
	return indexer.CatchUp(writing(t), a.client(), target, o)
}

// What an earlier catch-up handled is not handled again, but for events that were not
// visible then, and for changes of which an older version may have come late.
func TestWhatACatchUpHandlesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		// age is how long before the first catch-up the service was edited.
		age   time.Duration
		quick bool
		late  bool
		want  int
	}{
		"long ago":                       {2 * time.Minute, false, false, 0},
		"a moment ago":                   {30 * time.Second, false, false, 1},
		"a moment ago, quickly":          {30 * time.Second, true, false, 0},
		"long ago, and an event is late": {2 * time.Minute, false, true, 1},
		"an event is late, quickly":      {2 * time.Minute, true, true, 1},
		"a moment ago, and one is late":  {30 * time.Second, false, true, 2},
		"too long ago for the next one":  {indexer.Overlap + 2*time.Minute, false, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				events := []string{
					event(40, "update_service", now.Add(-c.age), `{"serviceId":"1"}`),
					event(42, "framework_update", now.Add(-c.age), `{}`),
				}
				a := &eventsAPI{date: now, events: func(int) []string { return events }}
				first, err := catchUpWith(t, a)
				if err != nil || first.Events != 1 {
					t.Fatalf("%+v, %v", first, err)
				}
				if c.late {
					events = append(events, event(41, "update_service", now.Add(-c.age-time.Second), `{"serviceId":"2"}`))
				}
				time.Sleep(10 * time.Minute)
				a.date = time.Now()
				second, err := again(t, a, first, c.quick)
				if err != nil || second.Events != c.want {
					t.Errorf("%d events were handled, want %d: %v", second.Events, c.want, err)
				}
				third, err := again(t, a, second, false)
				if err != nil || third.Events != 0 && !c.quick {
					t.Errorf("the third handled %d events: %v", third.Events, err)
				}
			})
		})
	}
}

// The catch-up after a quick one handles again what that left out.
func TestWhatAQuickCatchUpLeavesOutIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		a := &eventsAPI{date: now, events: func(int) []string {
			return []string{event(1, "update_service", now, `{"serviceId":"1"}`)}
		}}
		report, err := catchUpWith(t, a)
		for i, want := range []int{0, 0, 1, 0} {
			time.Sleep(time.Minute)
			a.date = time.Now()
			if report, err = again(t, a, report, i < 2); err != nil || report.Events != want {
				t.Errorf("catch-up %d handled %d events, want %d: %v", i, report.Events, want, err)
			}
		}
	})
}

func TestCatchUpBeginsWithTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events, want []string
		for id := range 9 {
			events = append(events, event(id, "update_service", time.Now().Add(time.Duration(id)*time.Second), fmt.Sprintf(`{"serviceId":"%d"}`, id)))
			want = append(want, fmt.Sprintf("/services/%d", 8-id), fmt.Sprintf("/services/%d", 8-id))
		}
		a := &eventsAPI{date: time.Now(), events: func(int) []string { return events }}
		if _, err := again(t, a, indexer.CatchUpReport{Cursor: time.Now()}, false); err != nil {
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
			events = append(events, event(999_000_000+2*i, "update_service", at, `{"serviceId":"1"}`))
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
		if report, err = again(t, a, report, true); err != nil || report.Events != 1800 {
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
