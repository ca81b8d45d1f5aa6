package elasticsearch

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// rateHelp is the paragraph about RATE in the help of the stages that write documents.
const rateHelp = `

How fast: RATE is a ceiling of documents a second. It can be changed while the stage runs, and takes effect within ten seconds: set the annotation "rate" of the run (of the lease, for a nightly job with no run under way) to a number; 0 or none is RATE again.

  cf curl -X PATCH /v3/service_instances/$(cf service cutover-search-api --guid) -d '{"metadata":{"annotations":{"rate":"50"}}}'`

const (
	// rateAnnotation is the annotation of the run, or of the lease, that overrides RATE.
	rateAnnotation = "rate"
	// rateEvery is how often it is read.
	rateEvery = 5 * time.Second
)

// pacer says how hard a search API is written to.
type pacer struct {
	platform *cloudfoundry.Client
	run      *upgrade.Run
	journal  *journal.Journal
	lease    *journal.Lease
	index    indexer.Index
	// liveRoute is where people are served; workers are the requests that one instance
	// answers at once.
	liveRoute string
	workers   int
	// concurrency and ceiling are CONCURRENCY and RATE.
	concurrency, ceiling int
	log                  *slog.Logger
}

// of is the pace of writing to a search API: as hard as it can bear, or, where it
// serves people, at most half as hard, and less when they have to wait. Until stop is
// called the ceiling follows the annotation.
func (p *pacer) of(ctx context.Context, target *searchapi.Client, serves bool) (pace indexer.Pace, stop func(), err error) {
	pace = indexer.Pace{Concurrency: p.concurrency, Limit: rate.NewLimiter(p.standard(), 1)}
	if serves {
		if pace.Serving, err = p.serving(ctx, target); err != nil {
			return pace, func() {}, err
		}
	}
	following, end := context.WithCancel(ctx)
	go p.follow(following, pace.Limit)
	return pace, end, nil
}

// serves reports whether people use what a catch-up writes to: from the mapping of the
// live route on.
func (p *pacer) serves() bool {
	return !p.run.Exists() || p.run.Reached(upgrade.OnLiveRoutes) || p.run.GoesBack()
}

// serving counts the workers behind the live route: half of them stay people's, whatever
// happens.
func (p *pacer) serving(ctx context.Context, target *searchapi.Client) (*indexer.Serving, error) {
	route, err := p.platform.Routes.ByAddress(ctx, p.liveRoute)
	if err != nil {
		return nil, err
	}
	workers := 0
	if route != nil {
		for _, d := range route.Destinations {
			process, err := p.platform.Apps.Process(ctx, d.AppGUID)
			if err != nil {
				return nil, err
			}
			workers += process.Instances * p.workers
		}
	}
	return &indexer.Serving{
		Most: max(workers/2, 1),
		Pulse: func(ctx context.Context) error {
			_, err := target.Total(ctx, p.index.Alias, p.index.DocType(), nil)
			return err
		},
	}, nil
}

func (p *pacer) standard() rate.Limit {
	if p.ceiling > 0 {
		return rate.Limit(p.ceiling)
	}
	return rate.Inf
}

// follow sets the ceiling to what the annotation says, until the context is done. A
// failed read changes nothing.
func (p *pacer) follow(ctx context.Context, limit *rate.Limiter) {
	last := ""
	tick := time.NewTicker(rateEvery)
	defer tick.Stop()
	for {
		if text, err := p.annotation(ctx); err == nil && text != last {
			last = text
			to, err := p.parse(text)
			if err != nil {
				p.log.Warn("the annotation is ignored", "error", err)
			} else {
				limit.SetLimit(to)
				p.log.Info("the annotation changes the ceiling", "documents a second", text)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *pacer) annotation(ctx context.Context) (string, error) {
	run, err := p.journal.Load(ctx)
	if err != nil {
		return "", err
	}
	if run != nil {
		return run.Facts[rateAnnotation], nil
	}
	held, err := p.lease.Peek(ctx)
	if err != nil || held == nil {
		return "", err
	}
	return held.Rate, nil
}

func (p *pacer) parse(text string) (rate.Limit, error) {
	if text == "" {
		return p.standard(), nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= 1e6) {
		return 0, fmt.Errorf("the annotation %s is %q, and is not a number of documents a second", rateAnnotation, text)
	}
	if n == 0 {
		return p.standard(), nil
	}
	return rate.Limit(n), nil
}
