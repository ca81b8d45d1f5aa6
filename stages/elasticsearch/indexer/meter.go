package indexer

import (
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// meter reports progress.
type meter struct {
	began    time.Time
	progress func(runner.Progress) // may be nil
	what     string                // is counted: "documents"
}

func newMeter(progress func(runner.Progress), what string) meter {
	return meter{time.Now(), progress, what}
}

func (m meter) elapsed() time.Duration { return time.Since(m.began) }

// report reports progress: before were done by an earlier process, done by this one.
func (m meter) report(before, done, total int, note func() string) {
	if m.progress == nil {
		return
	}
	m.progress(runner.Progress{
		Done: before + done, Total: max(total, before+done), What: m.what,
		Elapsed: m.elapsed(), SinceStart: done, Note: note(),
	})
}
