package runner

import "time"

// Observer is notified of what happens, as it happens. Reports and the log are observers.
type Observer interface{ Observe(Event) }

// Kind is the kind of an event.
type Kind int

// The kinds of events.
const (
	// StageStarted: a stage begins; its header is known.
	StageStarted Kind = iota
	// TaskStarted: a task begins.
	TaskStarted
	// TaskProgress: a task takes long. It is sent again and again.
	TaskProgress
	// TaskDone: a task has ended; it is the last one of the result.
	TaskDone
	// StageDone: the stage has its verdict and, where it failed, its card.
	StageDone
)

// Event is one thing that happened.
type Event struct {
	Kind   Kind
	Result *Result
	// List and Task name the task that started or takes long.
	List List
	Task string
	// Elapsed is how long the task has taken so far, Progress how far it is (nil: not
	// known), Said why it does not hold yet.
	Elapsed  time.Duration
	Progress *Progress
	Said     string
}

// Observers notifies several observers, in their order.
type Observers []Observer

// Observe notifies all.
func (all Observers) Observe(e Event) {
	for _, o := range all {
		o.Observe(e)
	}
}
