package witness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Tally is what a witness counted.
type Tally struct {
	Sent, Failed int
	// ByApp is how many responses each app sent.
	ByApp map[string]int
	// Failures are the first few, in words.
	Failures []string
	// took are the response times, by phase.
	took map[string][]time.Duration
	// baseSent and baseFailed are the counts of the baseline.
	baseSent, baseFailed int
	began, ended         time.Time
	// slowed is the rate in the end where it was halved, so as not to slow the address
	// down; 0 where it was not.
	slowed float64
}

func newTally() Tally { return Tally{ByApp: map[string]int{}, took: map[string][]time.Duration{}} }

func (t *Tally) clone() Tally {
	c := *t
	c.ByApp, c.Failures = maps.Clone(t.ByApp), slices.Clone(t.Failures)
	c.took = map[string][]time.Duration{}
	for phase, all := range t.took {
		c.took[phase] = slices.Clone(all)
	}
	return c
}

func (t *Tally) baseline(sent, failed int) { t.baseSent, t.baseFailed = sent, failed }

func (t *Tally) add(phase, who string, took time.Duration, at time.Time, kind string, err error) {
	if t.Sent == 0 {
		t.began = at
	}
	t.ended = at
	t.Sent++
	if err != nil {
		t.Failed++
		if len(t.Failures) < 10 {
			t.Failures = append(t.Failures, fmt.Sprintf("%s, over %s: %v", at.UTC().Format("15:04:05.000"), kind, err))
		}
		return
	}
	if who != "" {
		t.ByApp[who]++
	}
	t.took[phase] = append(t.took[phase], took)
}

// beyond reports whether more requests failed than the baseline's share.
func (t *Tally) beyond() bool {
	if t.baseSent == 0 {
		return false
	}
	return float64(t.Failed) > float64(t.baseFailed)*float64(t.Sent)/float64(t.baseSent)
}

// Bound is the upper bound of the share of failing requests, with 95 % confidence, if
// none of those sent failed: the rule of three.
func (t *Tally) Bound() float64 { return 3 / float64(max(t.Sent, 1)) }

// Quantile is the time within which the share q of a phase's responses came.
func (t *Tally) Quantile(phase string, q float64) time.Duration {
	all := slices.Sorted(slices.Values(t.took[phase]))
	if len(all) == 0 {
		return 0
	}
	return all[min(int(q*float64(len(all))), len(all)-1)]
}

// Err is the verdict: an error if more failed than the baseline's share.
func (t *Tally) Err(url string) error {
	if !t.beyond() {
		return nil
	}
	return runner.Final(fmt.Errorf("%s failed %d of %s: %s", url, t.Failed, runner.Count(t.Sent, "request", "requests"), strings.Join(t.Failures, "; ")))
}

// report writes the counts into an observation.
func (t *Tally) report(o *runner.Observation) {
	rate := float64(t.Sent) / max(t.ended.Sub(t.began).Seconds(), 0.001)
	text := fmt.Sprintf("%d of %s failed, %.0f/s", t.Failed, runner.Count(t.Sent, "request", "requests"), rate)
	if t.slowed > 0 {
		text += fmt.Sprintf(", %.3g/s in the end, so as not to slow it down", t.slowed)
		o.Set("requests a second in the end", t.slowed)
	}
	if t.Failed == 0 {
		text += fmt.Sprintf("; at most %.2f %% fail (95 %%)", 100*t.Bound())
	}
	for _, who := range slices.Sorted(maps.Keys(t.ByApp)) {
		text += fmt.Sprintf("; %s answered %d", who, t.ByApp[who])
		o.Set("answered by "+who, t.ByApp[who])
	}
	for _, phase := range []string{Before, During, After} {
		p50, p99 := t.Quantile(phase, 0.5), t.Quantile(phase, 0.99)
		text += fmt.Sprintf("; p50/p99 %s %d/%d ms", phase, p50.Milliseconds(), p99.Milliseconds())
		o.Set("p50 ms "+phase, p50.Milliseconds())
		o.Set("p99 ms "+phase, p99.Milliseconds())
	}
	o.Set("requests", t.Sent)
	o.Set("failed", t.Failed)
	o.Set("requests a second", int(rate))
	o.Say("%s", text)
	o.Detail(strings.Join(t.Failures, "\n"))
}
