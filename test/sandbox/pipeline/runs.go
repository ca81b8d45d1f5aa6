package pipeline

import (
	"context"
	"sync"
)

// Run is one run of the pipeline, as the control API shows it.
type Run struct {
	App   string `json:"app"`
	Image string `json:"image"`
	State string `json:"state"` // running, done, failed
	Error string `json:"error,omitempty"`
}

// Runs starts releases and remembers them. It is safe for use by several goroutines.
type Runs struct {
	release func(context.Context, Order) error
	ctx     context.Context

	mu     sync.Mutex
	list   []*Run
	active sync.WaitGroup
}

// NewRuns starts releases by calling release, which is a Pipeline's Release outside of tests. All of them end when ctx is
// done.
func NewRuns(ctx context.Context, release func(context.Context, Order) error) *Runs {
	return &Runs{release: release, ctx: ctx}
}

// Begin starts a release and returns a function that waits for its end.
func (r *Runs) Begin(o Order) (wait func() Run) {
	x := &Run{App: o.App, Image: o.Image, State: "running"}
	r.mu.Lock()
	r.list = append(r.list, x)
	r.mu.Unlock()
	done := make(chan struct{})
	r.active.Go(func() {
		defer close(done)
		err := r.release(r.ctx, o)
		r.mu.Lock()
		defer r.mu.Unlock()
		x.State = "done"
		if err != nil {
			x.State, x.Error = "failed", err.Error()
		}
	})
	return func() Run {
		<-done
		return *x
	}
}

// List is every run, the oldest first.
func (r *Runs) List() []Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Run, len(r.list))
	for i, x := range r.list {
		list[i] = *x
	}
	return list
}

// Wait returns when no release runs.
func (r *Runs) Wait() { r.active.Wait() }
