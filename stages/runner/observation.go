package runner

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Fact is one measured value: a count, a rate, a name, before or after.
type Fact struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// Observation is what a task measured. Report, JUnit message and log line are made of it.
// Its zero value is empty. Several goroutines may use it.
type Observation struct {
	mu           sync.Mutex
	said, detail string
	facts        []Fact
	pace         pace
	// notYet is why the task did not hold when it was tried before.
	notYet string
	// waited is the sum of the pauses that servers asked for, or that were long; until is
	// the end of the last one.
	waited time.Duration
	until  time.Time
}

// Say sets the measured fact in one phrase, for the log line and the JUnit message:
// "36,311 of 36,311 documents". A later one replaces it.
func (o *Observation) Say(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = fmt.Sprintf(format, args...)
}

// Detail sets what is too long for a line: a diff, ids, an app's last log lines. It
// becomes the body of the JUnit case and is printed below the line.
func (o *Observation) Detail(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.detail = text
}

// Set records one value under a name; a second value replaces the first.
func (o *Observation) Set(name string, value any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.IndexFunc(o.facts, func(f Fact) bool { return f.Name == name }); i >= 0 {
		o.facts[i].Value = value
		return
	}
	o.facts = append(o.facts, Fact{name, value})
}

// Progress reports the state of long work. Call it as often as is convenient: the runner
// logs one line when due, at least every 30 s.
func (o *Observation) Progress(p Progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pace.add(p, time.Now())
}

// Said returns what Say set.
func (o *Observation) Said() string { o.mu.Lock(); defer o.mu.Unlock(); return o.said }

// Detailed returns what Detail set.
func (o *Observation) Detailed() string { o.mu.Lock(); defer o.mu.Unlock(); return o.detail }

// Facts returns the facts that Set set.
func (o *Observation) Facts() []Fact { _, _, facts := o.measured(); return facts }

// measured returns all that was set.
func (o *Observation) measured() (said, detail string, facts []Fact) {
	o.mu.Lock()
	defer o.mu.Unlock()
	facts = slices.Clone(o.facts)
	if o.waited > 0 {
		facts = append(facts, Fact{"seconds waited for others", int(o.waited.Seconds())})
	}
	return o.said, o.detail, facts
}

// waits adds a pause to what was waited. It is news unless it ends about when another one
// does that was reported: many requests are told to wait at once.
func (o *Observation) waits(until time.Time) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	from := time.Now()
	if o.until.After(from) {
		from = o.until
	}
	news = until.Sub(from) > time.Second
	if until.After(from) {
		o.waited += until.Sub(from)
		o.until = until
	}
	return news
}

// retrying notes why a task is tried again, and that nothing is being done until then;
// reset forgets what was measured before.
func (o *Observation) retrying(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notYet, o.pace = err.Error(), pace{}
}

func (o *Observation) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said, o.detail, o.facts = "", "", nil
}
