package indexer

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/gate"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Target is an entry of INDICES and the name to write to: an index that is being
// built, or the live alias.
type Target struct {
	Index
	Name searchapi.Name
}

// Live returns targets that write to the live aliases.
func (xs Indices) Live() []Target {
	targets := make([]Target, len(xs))
	for i, x := range xs {
		targets[i] = Target{x, x.Alias}
	}
	return targets
}

// Dated returns targets that write to the dated indices of a day.
func (xs Indices) Dated(day time.Time) []Target {
	targets := make([]Target, len(xs))
	for i, x := range xs {
		targets[i] = Target{x, x.Dated(day)}
	}
	return targets
}

// Pace is how fast to write to the search API and how long to retry. The zero value
// is usable.
type Pace struct {
	// Concurrency is the maximum number of concurrent writes; the actual number is
	// adjusted to the search API's workers (see package gate). Default 128.
	Concurrency int
	// Serving is set if the search API serves live traffic.
	Serving *Serving
	// Limit, if set, limits documents per second. It may be changed at any time.
	Limit *rate.Limiter
	// RetryFor is how long one document or page is retried while the API responds 429
	// or 5xx or does not respond. Default 60 s. RetryMin and RetryMax limit the pause
	// between two attempts, which doubles each time. Defaults 200 ms and 5 s.
	RetryFor, RetryMin, RetryMax time.Duration
	// Grace is how long to wait for requests in flight after the context is done.
	// Default 10 s.
	Grace time.Duration

	// sourceGate limits the reads of listings: the data API serves live traffic too.
	// They are read one at a time, with pauses if responses become slower than usual.
	sourceGate *gate.Gate
	// trouble, if set, is told why an attempt failed that will be repeated.
	trouble func(error)
}

// Serving is set for a search API that serves live traffic: it is written to with at
// most half of its workers, and fewer when its users have to wait.
type Serving struct {
	// Most is the maximum number of concurrent writes: half of the workers.
	Most int
	// Pulse sends a search as users do, to measure how long they wait. If it is nil,
	// nothing is measured.
	Pulse func(context.Context) error
}

func (p Pace) withDefaults() Pace {
	p.Concurrency = cmp.Or(p.Concurrency, 128)
	p.RetryFor = cmp.Or(p.RetryFor, 60*time.Second)
	p.RetryMin = cmp.Or(p.RetryMin, 200*time.Millisecond)
	p.RetryMax = cmp.Or(p.RetryMax, 5*time.Second)
	p.Grace = cmp.Or(p.Grace, 10*time.Second)
	if p.sourceGate == nil {
		p.sourceGate = gate.Polite(1)
	}
	return p
}

// Failure is a document that could not be indexed.
type Failure struct {
	// Alias is of the index it belongs in.
	Alias searchapi.Name
	ID    string
	Err   error
}

func (f Failure) Error() string { return fmt.Sprintf("document %s: %v", f.ID, f.Err) }

// Unwrap returns the cause.
func (f Failure) Unwrap() error { return f.Err }

// Cursor is the progress of a fill: every document on the pages before Page is
// acknowledged. It is small enough for an annotation.
type Cursor struct {
	// Page is the page to continue with, counted from 1; 0 also means the first.
	Page int `json:"page"`
	// Listed is how many documents the pages before it had, and Put how many of those
	// were put.
	Listed int `json:"listed"`
	Put    int `json:"put"`
	// Done is true once the whole fill has succeeded.
	Done bool `json:"done,omitempty"`
}

// FillOptions are the options of Fill.
type FillOptions struct {
	Pace
	// From is the cursor that an earlier process recorded.
	From Cursor
	// Checkpoint, if set, records a cursor to continue from. It is called every
	// CheckpointEvery, every 200 documents, and at the end. If it fails, the fill stops.
	Checkpoint func(context.Context, Cursor) error
	// CheckpointEvery is the time between two checkpoints of a slow fill. Default 1 s.
	CheckpointEvery time.Duration
	// Progress, if set, is called after each document.
	Progress func(runner.Progress)
	// MaxFailed is how many documents may fail before the fill stops. Those of Refused,
	// which the search API refused before, do not count if it refuses them again.
	MaxFailed int
	Refused   map[string]bool
}

// FillReport is what a fill did. It is complete even if the fill fails.
type FillReport struct {
	// Documents is how many documents this process put; Before is how many earlier
	// processes did.
	Documents, Before int
	// Skipped is how many listed documents are not indexed because of their status.
	Skipped int
	Failed  []Failure
	// Pages is how many pages were read; Distinct is how many distinct documents were
	// on them and on the pages before the cursor; Total is the listing's own count, as
	// of its last page.
	Pages, Distinct, Total int
	// Retries is how often a write was retried. Rescans is how often the listing was
	// read again because it changed while it was read.
	Retries, Rescans int
	// Unanswered is how many writes got no response: a worker may still do them, so the
	// lease must not be handed over.
	Unanswered int
	// Slots is the estimated number of the search API's workers; 0 if it serves live
	// traffic: no estimate is made then.
	Slots   int
	Cursor  Cursor
	Elapsed time.Duration
}

// Rate returns documents per second.
func (r FillReport) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Documents) / r.Elapsed.Seconds()
}

// CatchUpOptions are the options of CatchUp.
type CatchUpOptions struct {
	Pace
	Targets []Target
	// Since is the time of the first event to handle, less an overlap (see Overlap).
	Since time.Time
	// Handled are the events that an earlier catch-up of the same targets reports as
	// handled: those that are settled are not handled again.
	Handled Handled
	// MaxPasses and For limit the catch-up. Defaults 50 passes and 15 minutes.
	MaxPasses int
	For       time.Duration
	// Progress, if set, is called after each object.
	Progress func(runner.Progress)

	// MaxFailed is how many documents the search API may refuse before the catch-up
	// fails. Those of Refused do not count: it refused them before.
	MaxFailed int
	Refused   map[string]bool

	// keep holds the ids of documents that must not be deleted.
	keep map[string]bool
}

func (o CatchUpOptions) withDefaults() CatchUpOptions {
	o.Pace = o.Pace.withDefaults()
	o.MaxPasses = cmp.Or(o.MaxPasses, 50)
	o.For = cmp.Or(o.For, 15*time.Minute)
	return o
}

// CatchUpReport is what a catch-up did. It is complete even if the catch-up fails.
type CatchUpReport struct {
	// Passes is how often the events were read, and Events how many of them were about
	// indexed objects.
	Passes, Events int
	// Objects is how many objects were read, counted once per pass.
	Objects int
	// Put and Deleted count documents written; Absent counts deletes that found
	// nothing; Foreign counts objects that belong to no target.
	Put, Deleted, Absent, Foreign int
	// Failed are the documents that could not be written, each once; Written are those of
	// CatchUpOptions.Refused that could.
	Failed              []Failure
	Written             []string
	Retries, Unanswered int
	// Cursor is the time of the latest event that was handled. A later catch-up starts
	// there, less Overlap, and need not handle those of Handled again.
	Cursor  time.Time
	Handled Handled
	Elapsed time.Duration
}

// ReindexOptions are the options of Reindex.
type ReindexOptions struct {
	Pace
	Target Target
	// MaxFailed and Refused are as in FillOptions.
	MaxFailed int
	Refused   map[string]bool
	// MaxRemovals is how many documents may be removed. Default: 1 % of the index, and
	// at least 10. Negative: none.
	MaxRemovals int
	// Progress, if set, is called after each document.
	Progress func(runner.Progress)
}

// ReindexReport is what a reindex did. It is complete even if the reindex fails.
type ReindexReport struct {
	FillReport
	// Indexed is how many documents the index had. IDsComplete is false if not all of
	// their ids could be listed, so that documents to remove may be left in the index.
	Indexed     int
	IDsComplete bool
	// Candidates is how many documents were in the index but not in the listing; Gone
	// are the ids of those that the data API does not have either, or not with a status
	// that is indexed; Removed are the ids of those that were removed.
	Candidates int
	Gone       []string
	Removed    []string
	CatchUp    CatchUpReport
}
