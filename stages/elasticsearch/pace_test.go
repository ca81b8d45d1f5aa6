package elasticsearch

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
)

func TestWhatAnAnnotationMeans(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		ceiling int
		want    rate.Limit
		wrong   bool
	}{
		"none, and no RATE":          {"", 0, rate.Inf, false},
		"none, and RATE":             {"", 100, 100, false},
		"a number":                   {"50", 100, 50, false},
		"more than RATE":             {"500", 100, 500, false},
		"part of a document":         {"0.5", 0, 0.5, false},
		"0 is RATE again":            {"0", 100, 100, false},
		"0 without RATE is no limit": {"0", 0, rate.Inf, false},
		"the most":                   {"1e6", 0, 1e6, false},
		"more than that":             {"1000001", 0, 0, true},
		"less than none":             {"-1", 0, 0, true},
		"no number":                  {"fast", 0, 0, true},
		"not a number":               {"NaN", 0, 0, true},
		"without end":                {"Inf", 0, 0, true},
		"with a unit":                {"50/s", 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&pacer{ceiling: c.ceiling}).parse(c.text)
			if got != c.want || (err != nil) != c.wrong {
				t.Errorf("%q is %v, %v; it should be %v", c.text, got, err, c.want)
			}
		})
	}
}

// annotated is a platform that has one object with an annotation: the run, or else
// the lease. It cannot be read where gone says so.
type annotated struct {
	journal.Platform
	name string
	text atomic.Value
	gone atomic.Bool
}

func (a *annotated) ServiceInstanceByName(_ context.Context, name string) (*cloudfoundry.ServiceInstance, error) {
	if a.gone.Load() {
		return nil, errors.New("the platform does not answer")
	}
	if name != a.name {
		return nil, nil
	}
	return &cloudfoundry.ServiceInstance{Type: "user-provided", Metadata: cloudfoundry.Metadata{
		Annotations: map[string]string{"id": "r", rateAnnotation: a.text.Load().(string)},
	}}, nil
}

func TestTheCeilingFollowsTheAnnotation(t *testing.T) {
	for name, object := range map[string]string{
		"of the run":                 "cutover-search-api",
		"of the lease, with no run ": "cutover-search-api-lease",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				platform := &annotated{name: object}
				platform.text.Store("")
				p := &pacer{
					ceiling: 100, log: slog.New(slog.DiscardHandler),
					journal: journal.New(platform, "search-api"), lease: journal.NewLease(platform, "search-api", journal.LeaseSettings{}, nil),
				}
				limit := rate.NewLimiter(p.standard(), 1)
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() { defer close(ended); p.follow(ctx, limit) }()
				for _, step := range []struct {
					text string
					gone bool
					want rate.Limit
				}{
					{"", false, 100},
					{"50", false, 50},
					{"fast", false, 50},
					{"500", true, 50},
					{"500", false, 500},
					{"0", false, 100},
					{"7", false, 7},
					{"", false, 100},
				} {
					platform.text.Store(step.text)
					platform.gone.Store(step.gone)
					<-time.After(rateEvery)
					synctest.Wait()
					if got := limit.Limit(); got != step.want {
						t.Errorf("with %q (not readable: %t) the ceiling is %v, not %v", step.text, step.gone, got, step.want)
					}
				}
				stop()
				<-ended
			})
		})
	}
}
