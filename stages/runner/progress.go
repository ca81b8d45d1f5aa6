package runner

import "time"

// rateOver is the time over which a rate is measured: what was done before says nothing
// of now.
const rateOver = 10 * time.Second

// Progress is the state of long work.
type Progress struct {
	// Done and Total are counts of What ("documents"). Total 0: not known.
	Done, Total int
	What        string
	// Note is anything else worth a word.
	Note string
	// Trouble is why the last attempt failed; "" once one has succeeded.
	Trouble string
	// Rate is how many were done a second in the last ten seconds, and Quiet how long it
	// is since the last was done. The observation measures both.
	Rate  float64
	Quiet time.Duration
}

// Left estimates the time left; zero where it is not known.
func (p Progress) Left() time.Duration {
	if p.Rate == 0 || p.Total <= p.Done {
		return 0
	}
	return time.Duration(float64(p.Total-p.Done) / p.Rate * float64(time.Second))
}

// pace measures progress. Its zero value has seen none.
type pace struct {
	last *Progress
	// since is when the last one was done, or the work began.
	since time.Time
	// samples are what was done when, in the last ten seconds and once before.
	samples []sample
}

type sample struct {
	at   time.Time
	done int
}

// add takes note of the state at a time. Other work than before is measured anew.
func (m *pace) add(p Progress, at time.Time) {
	if m.last == nil || m.last.What != p.What || p.Done < m.last.Done {
		m.since, m.samples = at, []sample{{at, p.Done}}
	}
	if m.last != nil && p.Done > m.last.Done {
		m.since = at
	}
	m.last = &p
	const apart = rateOver / 50
	if newest := m.samples[len(m.samples)-1]; at.Sub(newest.at) >= apart {
		m.samples = append(m.forget(at), sample{at, p.Done})
	}
}

// forget drops the samples that are older than the last one before the ten seconds.
func (m *pace) forget(at time.Time) []sample {
	for len(m.samples) > 1 && at.Sub(m.samples[1].at) >= rateOver {
		m.samples = m.samples[1:]
	}
	return m.samples
}

// now is the progress as it is at a time; nil where there is none.
func (m *pace) now(at time.Time) *Progress {
	if m.last == nil {
		return nil
	}
	p := *m.last
	m.samples = m.forget(at)
	first := m.samples[0]
	if took := min(at.Sub(first.at), rateOver); took > 0 {
		p.Rate = float64(p.Done-first.done) / took.Seconds()
	}
	p.Quiet = at.Sub(m.since)
	return &p
}
