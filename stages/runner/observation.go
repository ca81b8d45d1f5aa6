package runner

import (
	"fmt"
	"sync"
	"time"
)

// Fact is one measured value: a count, a rate, a name, before or after.
type Fact struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// Observation is what a task found out. Report, JUnit message and log line are
// made of it. It may be used by several goroutines.
type Observation struct {
	mu       sync.Mutex
	said     string
	detail   string
	facts    []Fact
	progress func(Progress)
}

// NewObservation returns an observation whose progress goes to f; f may be nil.
func NewObservation(f func(Progress)) *Observation { return &Observation{progress: f} }

// Say sets the measured fact in one phrase, for the log line and the JUnit
// message: "36,311 of 36,311 documents". The last one said stands.
func (o *Observation) Say(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = fmt.Sprintf(format, args...)
}

// Detail sets what is too long for a line: a diff, ids, an app's last log
// lines. It becomes the body of the JUnit case and is printed below the line.
func (o *Observation) Detail(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.detail = text
}

// Set records one value under a name; a second value replaces the first.
func (o *Observation) Set(name string, value any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.facts {
		if o.facts[i].Name == name {
			o.facts[i].Value = value
			return
		}
	}
	o.facts = append(o.facts, Fact{name, value})
}

// Progress is the state of long work.
type Progress struct {
	// Done and Total are counts of What ("documents"). Total 0: not known.
	Done, Total int
	What        string
	// Elapsed is the time since the work began in this process, in which
	// SinceStart of Done were done; the rate and the time left follow from them.
	Elapsed    time.Duration
	SinceStart int
	// Note is anything else worth a word.
	Note string
}

// Rate is how many are done a second.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.SinceStart) / p.Elapsed.Seconds()
}

// Left estimates the time left; zero where it is not known.
func (p Progress) Left() time.Duration {
	rate := p.Rate()
	if rate == 0 || p.Total <= p.Done {
		return 0
	}
	return time.Duration(float64(p.Total-p.Done) / rate * float64(time.Second))
}

// Progress reports the state of long work. Call it as often as is convenient:
// the runner logs one line when due, at least every 30 s.
func (o *Observation) Progress(p Progress) {
	if o.progress != nil {
		o.progress(p)
	}
}

// Said returns what Say set.
func (o *Observation) Said() string { o.mu.Lock(); defer o.mu.Unlock(); return o.said }

// Detailed returns what Detail set.
func (o *Observation) Detailed() string { o.mu.Lock(); defer o.mu.Unlock(); return o.detail }

// Facts returns a copy of the values recorded.
func (o *Observation) Facts() []Fact {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Fact(nil), o.facts...)
}
