package indexer

import (
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// meter reports progress: what is being done now, how far it is, and why the last attempt
// failed. It is safe for concurrent use.
type meter struct {
	began    time.Time
	progress func(runner.Progress) // may be nil
	// note describes the writes; nil: there is none.
	note func() string

	mu   sync.Mutex
	what string // is counted: "documents"
	now  runner.Progress
}

func newMeter(progress func(runner.Progress), what string) *meter {
	return &meter{began: time.Now(), progress: progress, what: what, now: runner.Progress{What: what}}
}

func (m *meter) elapsed() time.Duration { return time.Since(m.began) }

// report reports how many are done of how many, after one was.
func (m *meter) report(done, total int) {
	m.change(func(p *runner.Progress) { p.What, p.Done, p.Total, p.Trouble = m.what, done, max(total, done), "" })
}

// trouble reports why an attempt failed that will be repeated.
func (m *meter) trouble(err error) {
	m.change(func(p *runner.Progress) { p.Trouble = err.Error() })
}

// doing reports what is done now where nothing is counted.
func (m *meter) doing(what string) {
	m.change(func(p *runner.Progress) { *p = runner.Progress{What: what} })
}

// begin reports that the counting begins.
func (m *meter) begin(done int) {
	m.change(func(p *runner.Progress) { p.Done = done })
}

func (m *meter) change(how func(*runner.Progress)) {
	if m.progress == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	how(&m.now)
	if m.note != nil {
		m.now.Note = m.note()
	}
	m.progress(m.now)
}
