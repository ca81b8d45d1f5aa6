package indexer

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/gate"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Target is an entry of INDICES and the name that is written to for it: an
// index that is being made, or the live alias.
type Target struct {
	Index
	Name searchapi.Name
}

// Live returns the entries as targets whose live alias is written to.
func (xs Indices) Live() []Target {
	targets := make([]Target, len(xs))
	for i, x := range xs {
		targets[i] = Target{x, x.Alias}
	}
	return targets
}

// Dated returns the entries as targets whose dated index is written to.
func (xs Indices) Dated(day time.Time) []Target {
	targets := make([]Target, len(xs))
	for i, x := range xs {
		targets[i] = Target{x, x.Dated(day)}
	}
	return targets
}

// Pace is how fast and how patiently the search API is written to. The zero
// value is usable.
type Pace struct {
	// Concurrency bounds the writes at once. How many there are below that is found out (see package gate). Default 128.
	Concurrency int
	// Serving, where set, says that people use the search API that is written to.
	Serving *Serving
	// Limit, where set, bounds documents a second. It may be changed meanwhile.
	Limit *rate.Limiter
	// Asked, where set, bounds the reads of listings: the source serves people too. By default they are read one at a time,
	// with rests when that takes longer than it did.
	Asked *gate.Gate
	// RetryFor is how long one document, or one page, is tried again while the
	// API answers 429, 5xx or not at all. Default 60 s. RetryMin and RetryMax
	// bound the pauses, which double. Defaults 200 ms and 5 s.
	RetryFor, RetryMin, RetryMax time.Duration
	// Grace is how long the requests in flight are awaited once the context is
	// done. Default 10 s.
	Grace time.Duration
}

// Serving is a search API that people use: it is written to at most half as hard as it could be, and less when they
// have to wait.
type Serving struct {
	// Most is how many writes there may be at once: half of its workers.
	Most int
	// Pulse asks what people ask, to see how long that takes.
	Pulse func(context.Context) error
}

func (p Pace) withDefaults() Pace {
	p.Concurrency = or(p.Concurrency, 128)
	p.Asked = or(p.Asked, gate.Polite(1))
	p.RetryFor = or(p.RetryFor, 60*time.Second)
	p.RetryMin = or(p.RetryMin, 200*time.Millisecond)
	p.RetryMax = or(p.RetryMax, 5*time.Second)
	p.Grace = or(p.Grace, 10*time.Second)
	return p
}

func or[T comparable](v, standard T) T {
	var zero T
	if v == zero {
		return standard
	}
	return v
}

// Failure is one document that could not be brought into the index.
type Failure struct {
	ID  string
	Err error
}

func (f Failure) Error() string { return fmt.Sprintf("document %s: %v", f.ID, f.Err) }

// Unwrap returns why.
func (f Failure) Unwrap() error { return f.Err }

// Cursor is how far a fill has come: a place in the listing up to which every
// document is acknowledged. It is small enough for an annotation.
type Cursor struct {
	// Page is the page to go on with; 0 and 1 are the beginning.
	Page int `json:"page"`
	// Listed is how many documents the pages before it held, and Put how many
	// of them were put.
	Listed int `json:"listed"`
	Put    int `json:"put"`
	// Done: the whole fill is.
	Done bool `json:"done,omitempty"`
}

// FillOptions are a fill's.
type FillOptions struct {
	Pace
	// From is where an earlier process stopped.
	From Cursor
	// Checkpoint, where set, is called with a cursor to go on from, every
	// CheckpointEvery, each 200 documents, and at the end. Its error stops the fill.
	Checkpoint func(context.Context, Cursor) error
	// CheckpointEvery is how long lies between two where few documents are put. Default 1 s.
	CheckpointEvery time.Duration
	// Progress, where set, is told after each document.
	Progress func(runner.Progress)
	// MaxFailed is how many documents may fail before the fill stops early.
	MaxFailed int
}

// FillReport is what a fill did. It is filled in also when the fill fails.
type FillReport struct {
	// Documents were acknowledged by this process; Before by earlier ones.
	Documents, Before int
	// Skipped were listed and do not belong in an index.
	Skipped int
	Failed  []Failure
	// Pages were read; Distinct documents were seen on them, and before; Total
	// is the listing's own count, as of the last page.
	Pages, Distinct, Total int
	// Retries is how often a document was tried again. Rescans is how often the
	// listing had to be read again because it moved.
	Retries, Rescans int
	// Unanswered is how many requests have no answer: a worker may still do
	// them, so the lease must be left to go stale.
	Unanswered int
	// Slots is how many workers the search API was found to have; 0 where that was not looked for, as it serves. AtOnce
	// is how many writes there might be at once in the end.
	Slots, AtOnce int
	Cursor        Cursor
	Elapsed       time.Duration
}

// Rate is documents a second.
func (r FillReport) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Documents) / r.Elapsed.Seconds()
}

// CatchUpOptions are a catch-up's.
type CatchUpOptions struct {
	Pace
	Targets []Target
	// Since is the time of the first event of interest, less an overlap (see Overlap).
	Since time.Time
	// Spare holds ids that are not to be deleted, whatever the source says.
	Spare map[string]bool
	// MaxPasses and For bound it. Defaults 50 passes and 15 minutes.
	MaxPasses int
	For       time.Duration
	// Progress, where set, is told after each object.
	Progress func(runner.Progress)
}

// CatchUpReport is what a catch-up did. It is filled in also when it fails.
type CatchUpReport struct {
	// Passes over the events, and how many events were of interest.
	Passes, Events int
	// Objects were looked at, once in each pass that named them.
	Objects int
	// Put and Deleted count documents written; Absent deletes that found
	// nothing to delete; Foreign objects that belong to no target.
	Put, Deleted, Absent, Foreign int
	Failed                        []Failure
	Retries, Unanswered           int
	// Cursor is the time of the latest event that was handled. A later
	// catch-up begins there, less Overlap.
	Cursor  time.Time
	Elapsed time.Duration
}

// ReindexOptions are a reindex's.
type ReindexOptions struct {
	Pace
	Target Target
	// MaxFailed is as for a fill.
	MaxFailed int
	// MaxRemovals is how many documents may be removed. Default: 1 % of the
	// index, and at least 10. Negative: none.
	MaxRemovals int
	// Progress, where set, is told after each document.
	Progress func(runner.Progress)
}

// ReindexReport is what a reindex did. It is filled in also when it fails.
type ReindexReport struct {
	FillReport
	// Indexed is how many documents the index had; Listable is false where it
	// could not be listed whole, so that documents to remove may be left.
	Indexed  int
	Listable bool
	// Candidates were in the index and not in the listing; Gone are those of
	// them that the source says are gone; Removed were removed.
	Candidates int
	Gone       []string
	Removed    []string
	CatchUp    CatchUpReport
}

// Count compares one index with its source.
type Count struct {
	Alias searchapi.Name
	// Index is the name of the index; "" where there is none.
	Index string
	// Documents is the index's own count; -1 where it is not told.
	Documents int
	// Expected is the source's count of what belongs in it.
	Expected                  int
	MappingVersion, Framework string
	Window                    int
	Aliases                   []string
}
