package runner

import (
	"fmt"
	"time"
)

// Called is number and name: "9. map-live-route".
func (s Step) Called() string { return fmt.Sprintf("%d. %s", s.Number, s.Name) }

// Runbook is the ordered list of steps: the pipeline, the subcommands and the
// table of contents in one.
type Runbook []Step

// Named finds a step by its command; nil if there is none.
func (b Runbook) Named(name string) *Step {
	for i := range b {
		if b[i].Name == name {
			return &b[i]
		}
	}
	return nil
}

// At finds a step by its number; nil if there is none.
func (b Runbook) At(number int) *Step {
	for i := range b {
		if b[i].Number == number {
			return &b[i]
		}
	}
	return nil
}

// Between returns the steps with numbers from first to last, both included.
func (b Runbook) Between(first, last int) Runbook {
	var some Runbook
	for _, s := range b {
		if s.Number >= first && s.Number <= last {
			some = append(some, s)
		}
	}
	return some
}

// Observers tells several observers, in their order.
type Observers []Observer

// StageStarted tells all.
func (all Observers) StageStarted(r *Result) {
	for _, o := range all {
		o.StageStarted(r)
	}
}

// TaskStarted tells all.
func (all Observers) TaskStarted(r *Result, l List, name string) {
	for _, o := range all {
		o.TaskStarted(r, l, name)
	}
}

// Progress tells all.
func (all Observers) Progress(r *Result, task string, since time.Duration, p *Progress, said string) {
	for _, o := range all {
		o.Progress(r, task, since, p, said)
	}
}

// TaskDone tells all.
func (all Observers) TaskDone(r *Result) {
	for _, o := range all {
		o.TaskDone(r)
	}
}

// StageDone tells all.
func (all Observers) StageDone(r *Result) {
	for _, o := range all {
		o.StageDone(r)
	}
}
