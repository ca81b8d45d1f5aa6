package report

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Status is how far a run is, for a person or a program to read at any time. As
// JSON its fields are stable: some may be added, none is renamed or taken away.
// Times are in UTC, ages in seconds; a list that is empty is [], never null.
type Status struct {
	// Environment, Runbook and App say of what: "preview", "elasticsearch", "search-api".
	Environment string `json:"environment"`
	Runbook     string `json:"runbook"`
	App         string `json:"app"`
	// Run is the id of the run, or of the last one where that came to its end and no
	// other has begun; Started is left out then. Both are left out before any run.
	Run     string    `json:"run,omitempty"`
	Started time.Time `json:"started,omitzero"`
	// RollingBack reports that a rollback has begun.
	RollingBack bool `json:"rolling_back"`
	// Traffic is where live traffic goes: "blue", "both", "green", "nobody", "another
	// app" or "not known".
	Traffic string      `json:"traffic"`
	Lease   LeaseStatus `json:"lease"`
	// Stages are all steps of the runbook, in their order.
	Stages []StageStatus `json:"stages"`
	// Next is the stage that comes next; left out where none can go on.
	Next *NextStatus `json:"next,omitempty"`
	// Others is what others have changed of the run's objects.
	Others OthersStatus `json:"changes_by_others"`
	// LetPass is what stages let pass that the later ones do not expect, for people.
	LetPass []string `json:"let_pass"`
	// Leftovers is what carries a run's label, or waits to be removed.
	Leftovers []Leftover  `json:"leftovers"`
	Card      runner.Card `json:"card"`
}

// LeaseStatus is who has the right to write. All but Held is left out where nobody has.
type LeaseStatus struct {
	Held bool `json:"held"`
	// Build is the address of the holder's build, Process its host and process id,
	// Run the id of its run.
	Build   string `json:"build,omitempty"`
	Process string `json:"process,omitempty"`
	Run     string `json:"run,omitempty"`
	// Since is when it was acquired, Heartbeat when its holder last renewed it; the
	// ages are by the platform's clock.
	Since        time.Time `json:"since,omitzero"`
	Age          int       `json:"age_seconds,omitempty"`
	Heartbeat    time.Time `json:"heartbeat,omitzero"`
	HeartbeatAge int       `json:"heartbeat_age_seconds,omitempty"`
	// Stale says that the next process will take it over.
	Stale bool `json:"stale"`
}

// StageStatus is one step of the runbook. Build, Ended and Took are of one that is
// complete.
type StageStatus struct {
	Number   int           `json:"number"`
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	Complete bool          `json:"complete"`
	Build    string        `json:"build,omitempty"`
	Ended    time.Time     `json:"ended,omitzero"`
	Took     time.Duration `json:"took_ns,omitempty"`
}

// NextStatus is the stage that comes next, and in a line what it will do.
type NextStatus struct {
	Number int    `json:"number"`
	Stage  string `json:"stage"`
	Will   string `json:"will"`
}

// OthersStatus are the changes of the run's objects that this program did not make,
// since the run began, by the platform's audit events. It is empty where there is no run.
type OthersStatus struct {
	Since time.Time `json:"since,omitzero"`
	// Changes are in their order; those that this program may have made have Unsure.
	Changes []Change `json:"changes"`
	// Ours is how many events count as this program's own.
	Ours int `json:"ours"`
}

// Change is one kind of change of one object by one actor, which may have been made
// several times.
type Change struct {
	// Event is the platform's word for it: "audit.app.stop".
	Event string `json:"event"`
	// Object is kind and name: "app search-api".
	Object string `json:"object"`
	GUID   string `json:"guid"`
	Actor  string `json:"actor"`
	// Times is how often, First and Last when.
	Times int       `json:"times"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Unsure says why this program may have made it all the same; "" where it did not.
	Unsure string `json:"unsure,omitempty"`
}

// Leftover is an object on the platform that somebody or something has to remove.
type Leftover struct {
	// Kind is "app", "service" or "route".
	Kind  string    `json:"kind"`
	Name  string    `json:"name"`
	GUID  string    `json:"guid"`
	Run   string    `json:"run,omitempty"`
	Since time.Time `json:"since"`
	// RemovedBy says what removes it, or its label, for people.
	RemovedBy string `json:"removed_by"`
}

// StatusOf makes the status of a runbook from its record and from where live
// traffic is. command is what a person types before a stage's name.
func StatusOf(book runner.Runbook, record *runner.Record, now runner.Situation, command string) Status {
	s := Status{
		Traffic: now.Traffic, Others: OthersStatus{Changes: []Change{}}, LetPass: []string{}, Leftovers: []Leftover{},
		Card: runner.Card{Traffic: now.Traffic + ": " + now.Detail, Rollback: now.Back},
	}
	var next *runner.Step
	for i, step := range book.Steps {
		line := StageStatus{Number: step.Number, Name: step.Name, Title: step.Title}
		if record.IsComplete(step.Name) {
			c := record.Complete[step.Name]
			line.Complete, line.Build, line.Ended, line.Took = true, c.Build, c.Ended, c.Ended.Sub(c.Started)
		}
		if !line.Complete && next == nil {
			next = &book.Steps[i]
		}
		s.Stages = append(s.Stages, line)
	}
	switch {
	case record != nil && record.Back:
		s.RollingBack = true
		s.Card.Again, s.Card.Onward, s.Card.Next = "yes: a rollback continues where it stopped", "no: the run is being rolled back", cmp.Or(now.Next, command+" rollback")
	case now.Blocked != "":
		s.Card.Again, s.Card.Onward, s.Card.Next = "yes: it refuses until that is resolved", "no: "+now.Blocked, cmp.Or(now.Next, command+" rollback")
	case next == nil:
		s.Card.Again, s.Card.Onward, s.Card.Next = "yes: every stage is complete and is skipped", "everything is done", "nothing"
	default:
		s.Card.Again = "yes: complete stages are skipped"
		s.Card.Onward = "yes, with " + next.Name
		s.Card.Next = command + " " + next.Name
		s.Next = &NextStatus{Number: next.Number, Stage: next.Name}
	}
	if record != nil {
		s.Run = record.Run
	}
	return s
}

// Will says in a line what a step would do now: the changes that it plans, or, if it only
// looks or cannot plan yet, what it is for.
func Will(ctx context.Context, step runner.Step) string {
	stage := step.Open()
	if _, looks := stage.(runner.Looker); looks {
		return purpose(step)
	}
	tasks, err := stage.Plan(httpclient.WithoutPermit(ctx))
	var wait *runner.NotYet
	switch {
	case errors.As(err, &wait):
		return purpose(step)
	case err != nil:
		return "it cannot plan: " + err.Error()
	}
	var names []string
	for _, t := range tasks {
		if t.Effect != runner.Proves {
			names = append(names, t.Name)
		}
	}
	switch n := len(names); {
	case len(tasks) == 0:
		return "no changes: it only verifies"
	case n == 0:
		return purpose(step)
	case n > 4:
		names = append(names[:3], runner.Count(n-3, "more change", "more changes"))
	}
	return strings.Join(names, "; ")
}

// purpose is the first sentence of the step's paragraph.
func purpose(step runner.Step) string {
	first, _, _ := strings.Cut(step.Help, ". ")
	if first == "" {
		return ""
	}
	return strings.ToLower(first[:1]) + strings.TrimSuffix(first[1:], ".")
}
