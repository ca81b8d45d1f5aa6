package runner

import "time"

// Status is how far a run is, for a person or a program to read at any time.
type Status struct {
	Environment string        `json:"environment"`
	Runbook     string        `json:"runbook"`
	App         string        `json:"app"`
	Run         string        `json:"run,omitempty"`
	Started     time.Time     `json:"started,omitzero"`
	Back        bool          `json:"back"`
	Lease       string        `json:"lease"`
	Stages      []StageStatus `json:"stages"`
	Card        Card          `json:"card"`
}

// StageStatus is one line of it.
type StageStatus struct {
	Number   int           `json:"number"`
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	Complete bool          `json:"complete"`
	Build    string        `json:"build,omitempty"`
	Ended    time.Time     `json:"ended,omitzero"`
	Took     time.Duration `json:"took_ns,omitempty"`
}

// StatusOf makes the status of a runbook from its record and from where live
// traffic is. command is what a person types before a stage's name.
func StatusOf(steps Runbook, record *Record, now Situation, command string) Status {
	s := Status{Card: Card{Traffic: now.Traffic + ": " + now.Detail, Back: now.Back}}
	var next *Step
	for i, step := range steps {
		line := StageStatus{Number: step.Number, Name: step.Name, Title: step.Title}
		if record != nil {
			if m, is := record.Marks[step.Name]; is {
				line.Complete, line.Build, line.Ended, line.Took = true, m.Build, m.Ended, m.Ended.Sub(m.Started)
			}
		}
		if !line.Complete && next == nil {
			next = &steps[i]
		}
		s.Stages = append(s.Stages, line)
	}
	switch {
	case record != nil && record.Back:
		s.Back = true
		s.Card.Again, s.Card.Onward, s.Card.Next = "yes: a rollback goes on from where it stopped", "no: the run goes back", command+" rollback"
	case now.Blocked != "":
		s.Card.Again, s.Card.Onward, s.Card.Next = "yes: it refuses until that is cleared up", "no: "+now.Blocked, command+" rollback"
	case next == nil:
		s.Card.Again, s.Card.Onward, s.Card.Next = "yes: every stage is complete and is skipped", "everything is done", "nothing"
	default:
		s.Card.Again = "yes: complete stages are skipped"
		s.Card.Onward = "yes, with " + next.Name
		s.Card.Next = command + " " + next.Name
	}
	if record != nil {
		s.Run = record.Run
	}
	return s
}
