package runner

import "time"

// Verdict is how a task or a stage ended.
type Verdict string

// The verdicts. Of a task: Done, Failure, Errored, Planned, Waits. Of a stage: all.
const (
	// Running: the report was written before the end; after a kill it stays so.
	Running Verdict = "running"
	// Done: it holds, or it was done.
	Done Verdict = "done"
	// Nothing: the stage found nothing to do, and its postconditions hold.
	Nothing Verdict = "nothing to do"
	// Skipped: the stage is complete, or its gate says no.
	Skipped Verdict = "skipped"
	// Planned: a dry run, which would do it.
	Planned Verdict = "planned"
	// Waits: a dry run, which cannot know before an earlier stage has run.
	Waits Verdict = "waits"
	// Failure: it does not hold.
	Failure Verdict = "failed"
	// Errored: it could not be determined, or could not be done.
	Errored Verdict = "error"
)

// TaskResult is the outcome of one task.
type TaskResult struct {
	List    List    `json:"list"`
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Said    string  `json:"said,omitempty"`
	Detail  string  `json:"detail,omitempty"`
	Error   string  `json:"error,omitempty"`
	ByHand  string  `json:"by_hand,omitempty"`
	Facts   []Fact  `json:"facts,omitempty"`
	// Effect says what the task does, or would do, to the world.
	Effect   Effect        `json:"effect,omitempty"`
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration_ns"`
}

// Result is the outcome of one stage. It is what every report is made of.
type Result struct {
	Environment string        `json:"environment"`
	Runbook     string        `json:"runbook"`
	App         string        `json:"app"`
	Number      int           `json:"number"`
	Of          int           `json:"of"`
	Stage       string        `json:"stage"`
	Title       string        `json:"title"`
	Run         string        `json:"run,omitempty"`
	Build       string        `json:"build,omitempty"`
	Version     string        `json:"version"`
	DryRun      bool          `json:"dry_run"`
	Rollback    bool          `json:"rollback,omitempty"`
	Traffic     string        `json:"traffic,omitempty"`
	Verdict     Verdict       `json:"verdict"`
	Why         string        `json:"why,omitempty"`
	Started     time.Time     `json:"started"`
	Duration    time.Duration `json:"duration_ns"`
	Tasks       []TaskResult  `json:"tasks"`
	// NotStarted are the names of the changes that were not started because of a failure.
	NotStarted []string `json:"not_started,omitempty"`
	ExitCode   int      `json:"exit_code"`
	Card       *Card    `json:"card,omitempty"`
}

func (r *Result) notStarted(tasks []Task) {
	for _, t := range tasks {
		if t.Effect != Proves {
			r.NotStarted = append(r.NotStarted, t.Name)
		}
	}
}

// facts are those of all tasks.
func (r *Result) facts() []Fact {
	var all []Fact
	for _, t := range r.Tasks {
		all = append(all, t.Facts...)
	}
	return all
}

// firstFailure returns the first task that failed, or nil.
func (r *Result) firstFailure() *TaskResult {
	for i := range r.Tasks {
		if v := r.Tasks[i].Verdict; v == Failure || v == Errored {
			return &r.Tasks[i]
		}
	}
	return nil
}

// changed are the names of the changes that were done, and of those that were not.
func (r *Result) changed() (done, not []string) {
	for _, t := range r.Tasks {
		switch {
		case t.Effect == Proves || t.List != ListApply && t.List != ListAbort && t.List != ListUndo:
		case t.Verdict == Done:
			done = append(done, t.Name)
		default:
			not = append(not, t.Name)
		}
	}
	return done, append(not, r.NotStarted...)
}

// Card is what a person reads at 3 a.m.: the last lines of a failure, and what
// status prints at any time.
type Card struct {
	// Failed says what failed, in one line; "" where nothing did.
	Failed string `json:"failed,omitempty"`
	// Traffic says where live traffic is: blue, both, green, with the apps' names.
	Traffic string `json:"traffic"`
	// Changed and NotChanged say what this stage has and has not done.
	Changed    []string `json:"changed,omitempty"`
	NotChanged []string `json:"not_changed,omitempty"`
	// Again, Onward and Rollback say whether it is safe to run again, to go on, to roll back.
	Again    string `json:"again"`
	Onward   string `json:"onward"`
	Rollback string `json:"rollback"`
	// Next is the exact next command; ByHand the same for a person with cf.
	Next   string `json:"next"`
	ByHand string `json:"by_hand,omitempty"`
}

// Situation is where live traffic is now, read from the platform.
type Situation struct {
	// Traffic is "blue", "both", "green", "another app", or "nobody" where no app answers.
	Traffic string
	// Detail names the apps and their instances.
	Detail string
	// Blocked says why no stage can go on from here, or "".
	Blocked string
	// Next is the command that resolves that, where it is no rollback.
	Next string
	// Back says how long rolling back takes from here, or why that is impossible.
	Back string
}

// Record is what the runner needs to know of the recorded run.
type Record struct {
	Run string
	// Back reports that a rollback has begun: forward stages refuse.
	Back bool
	// Complete are the stages that are complete, by name.
	Complete map[string]Completion
}

// IsComplete reports whether a stage is complete. Without a run none is.
func (r *Record) IsComplete(stage string) bool {
	if r == nil {
		return false
	}
	_, is := r.Complete[stage]
	return is
}

// Completion is what is recorded of a stage that is complete.
type Completion struct {
	Verdict        Verdict
	Build          string
	Started, Ended time.Time
	Facts          []Fact
}
