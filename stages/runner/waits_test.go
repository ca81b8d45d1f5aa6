package runner

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// Each long wait of a task is a line as it begins, and all of them are a fact of the task: what was waited, not what was to be.
func TestTheWaitsOfATaskAreToldAndSummed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a := &toy{w: w, name: "a", apply: func(ctx context.Context, _ *Observation) error {
			httpclient.Waits(ctx, "short", 5*time.Second)
			time.Sleep(5 * time.Second)
			httpclient.Waits(ctx, "first", 20*time.Second)
			// Another goroutine is told to wait for the same.
			httpclient.Waits(ctx, "first again", 20*time.Second)
			time.Sleep(20 * time.Second)
			httpclient.Waits(ctx, "cut short", time.Minute)
			time.Sleep(10 * time.Second)
			return nil
		}}
		var told []string
		r := w.runner(book(a, &toy{w: w, name: "b"}), false)
		r.ReportEvery = time.Hour
		r.Observer = heard{r.Observer, &told}
		if err := r.Run(t.Context(), r.Runbook.Steps[:1]); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"first", "cut short"}, told); diff != "" {
			t.Error(diff)
		}
		var facts []Fact
		for _, task := range w.results[0].Tasks {
			facts = append(facts, task.Facts...)
		}
		if diff := cmp.Diff([]Fact{{"seconds waited for others", 30}}, facts); diff != "" {
			t.Error(diff)
		}
	})
}

// heard keeps who made a task wait.
type heard struct {
	Observer
	told *[]string
}

func (h heard) Observe(e Event) {
	if e.Kind == TaskProgress {
		why, _, _ := strings.Cut(e.Said, ":")
		*h.told = append(*h.told, why)
	}
	h.Observer.Observe(e)
}
