package runner

import (
	"fmt"
	"slices"
)

// Runbook is an upgrade as a list of steps: the pipeline, the subcommands and the
// table of contents in one.
type Runbook struct {
	// Name is the command that the stages belong to: "elasticsearch".
	Name  string
	Steps []Step
	// Switch is the range of stages that moves live traffic and is a command of its
	// own; the zero value: there is none.
	Switch Range
	// Rollback are the names of all stages, in the order in which they are undone.
	Rollback []string
	// Reopens is the range of stages of which a later one may reopen an earlier one (see
	// Reopen): each can be run again until the last of them is complete. The zero value:
	// none is ever reopened.
	Reopens Range
	// RollbackCosts say what rolling back costs after each stage.
	RollbackCosts []RollbackCost
}

// Step ties a stage to its place in the runbook.
type Step struct {
	// Number is the step's number in the runbook.
	Number int
	// Name is the command: "map-live-route".
	Name string
	// Title is the heading: "Map the live route".
	Title string
	// Help is the stage's paragraph of the runbook, shown by --help.
	Help string
	// Final reports that the stage cannot be undone: a plan marks its deletions with "!".
	Final bool
	// Open builds the stage. It does no I/O.
	Open func() Stage
}

// Called is number and name: "9. map-live-route".
func (s Step) Called() string { return fmt.Sprintf("%d. %s", s.Number, s.Name) }

// Range is the stages from First to Last, both included, by their names.
type Range struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

// RollbackCost says what rolling back costs after one of the stages of a range, and
// what is there in the end.
type RollbackCost struct {
	After Range  `json:"after"`
	Cost  string `json:"cost"`
	End   string `json:"end"`
}

func (b Runbook) index(name string) int {
	return slices.IndexFunc(b.Steps, func(s Step) bool { return s.Name == name })
}

// Named finds a step by its name; nil if there is none.
func (b Runbook) Named(name string) *Step {
	if i := b.index(name); i >= 0 {
		return &b.Steps[i]
	}
	return nil
}

// Between returns the steps from first to last, both included; "" stands for the
// runbook's first or last. It is empty where first comes after last, or where there
// is no such stage.
func (b Runbook) Between(first, last string) []Step {
	from, to := 0, len(b.Steps)-1
	if first != "" {
		from = b.index(first)
	}
	if last != "" {
		to = b.index(last)
	}
	if from < 0 || to < from {
		return nil
	}
	return b.Steps[from : to+1 : to+1]
}

// Has reports whether a stage is in a range; none is in the zero value.
func (b Runbook) Has(r Range, name string) bool {
	return r != (Range{}) && slices.ContainsFunc(b.Between(r.First, r.Last), func(s Step) bool { return s.Name == name })
}

// RollbackSteps are the steps in the order in which they are undone.
func (b Runbook) RollbackSteps() []Step {
	var all []Step
	for _, name := range b.Rollback {
		all = append(all, *b.Named(name))
	}
	return all
}

// IsLast reports whether the run ends with this step.
func (b Runbook) IsLast(s Step) bool { return b.index(s.Name) == len(b.Steps)-1 }

// CostAfter finds what rolling back costs after a stage; nil where that is not said.
func (b Runbook) CostAfter(stage string) *RollbackCost {
	for i := range b.RollbackCosts {
		if b.Has(b.RollbackCosts[i].After, stage) {
			return &b.RollbackCosts[i]
		}
	}
	return nil
}
