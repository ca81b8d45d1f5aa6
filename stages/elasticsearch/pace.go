package elasticsearch

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/journal"
)

// rateHelp is the paragraph about RATE in the help of the stages that write documents.
const rateHelp = `

How fast: RATE is a ceiling of documents a second. It can be changed while the stage runs, and holds within ten seconds: set the annotation "rate" of the run (of the lease, for a nightly job with no run under way) to a number; 0 or none is RATE again.

  cf curl -X PATCH /v3/service_instances/$(cf service cutover-search-api --guid) -d '{"metadata":{"annotations":{"rate":"50"}}}'`

const (
	// rateAnnotation is the annotation of the run, or of the lease, that takes the place of RATE.
	rateAnnotation = "rate"
	// rateEvery is how often it is looked at.
	rateEvery = 5 * time.Second
)

// pace is how hard a search API is written to while work is done with it: as hard as it can bear, or, where people use
// it, at most half as hard, and less when they have to wait. Until stop is called the ceiling follows the annotation.
func (s *Site) pace(ctx context.Context, target *searchapi.Client, serves bool) (p indexer.Pace, stop func(), err error) {
	p = indexer.Pace{Concurrency: s.Settings.Concurrency, Limit: rate.NewLimiter(s.standardRate(), 1)}
	if serves {
		if p.Serving, err = s.serving(ctx, target); err != nil {
			return p, func() {}, err
		}
	}
	following, end := context.WithCancel(ctx)
	go s.followRate(following, p.Limit)
	return p, end, nil
}

// serves tells whether people use what a catch-up writes to: from the mapping of the live route on.
func (s *Site) serves() bool {
	if s.run == nil {
		return true
	}
	_, mapped := s.run.Complete[stageMapLiveRoute]
	return mapped || s.run.Direction == journal.Back
}

// serving counts the workers behind the live route: half of them are for people, whatever happens.
func (s *Site) serving(ctx context.Context, target *searchapi.Client) (*indexer.Serving, error) {
	route, err := s.cf.RouteByAddress(ctx, s.Settings.LiveRoute)
	if err != nil {
		return nil, err
	}
	workers := 0
	if route != nil {
		for _, d := range route.Destinations {
			process, err := s.cf.Process(ctx, d.AppGUID)
			if err != nil {
				return nil, err
			}
			workers += process.Instances * s.Settings.Workers
		}
	}
	index := s.indices[0]
	return &indexer.Serving{
		Most: max(workers/2, 1),
		Pulse: func(ctx context.Context) error {
			_, err := target.Total(ctx, index.Alias, index.DocType(), nil)
			return err
		},
	}, nil
}

func (s *Site) standardRate() rate.Limit {
	if s.Settings.Rate > 0 {
		return rate.Limit(s.Settings.Rate)
	}
	return rate.Inf
}

// followRate sets the ceiling to what the annotation says, until the context is done. A look that fails changes nothing.
func (s *Site) followRate(ctx context.Context, limit *rate.Limiter) {
	said := ""
	tick := time.NewTicker(rateEvery)
	defer tick.Stop()
	for {
		if text, err := s.rateText(ctx); err == nil && text != said {
			said = text
			to, err := s.rateOf(text)
			if err != nil {
				s.o.Log.Warn("the annotation is left aside", "error", err)
			} else {
				limit.SetLimit(to)
				s.o.Log.Info("the annotation changes the ceiling", "documents a second", text)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Site) rateText(ctx context.Context) (string, error) {
	run, err := s.journal.Load(ctx)
	if err != nil {
		return "", err
	}
	if run != nil {
		return run.Facts[rateAnnotation], nil
	}
	held, err := s.lease.Peek(ctx)
	if err != nil || held == nil {
		return "", err
	}
	return held.Rate, nil
}

func (s *Site) rateOf(text string) (rate.Limit, error) {
	if text == "" {
		return s.standardRate(), nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= 1e6) {
		return 0, fmt.Errorf("the annotation %s is %q, and is not a number of documents a second", rateAnnotation, text)
	}
	if n == 0 {
		return s.standardRate(), nil
	}
	return rate.Limit(n), nil
}
