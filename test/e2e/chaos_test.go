package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// TestChaos runs the Elasticsearch runbook to its end, or to some stage and back, once a seed: processes are killed at random
// writes and moments, requests meet random faults, documents are edited, and after each failure a person runs the same command
// again. However it went, the end state is that of an undisturbed run, and no live request failed. scripts/chaos runs more seeds.
func TestChaos(t *testing.T) {
	t.Parallel()
	first, count := fromEnv(t, "CHAOS_FIRST", 1), fromEnv(t, "CHAOS_SEEDS", 2)
	quiet := start(t, undrifted())
	for _, step := range quiet.book.steps {
		quiet.others(step)
		quiet.run(0, quiet.book.args(step.Name)...)
	}
	end := quiet.state()
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			c := &chaos{world: start(t, undrifted()), rand: rand.New(rand.NewPCG(uint64(seed), 0))}
			if seed%2 == 0 {
				c.toTheEnd(end)
			} else {
				c.thereAndBack()
			}
			t.Logf("%d kills, %d faults, %d processes, %s", c.kills, c.faults, c.processes, c.tally)
		})
	}
}

func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// others does what other people do before a stage: they edit documents, and release once the run waits for it.
func (w *world) others(step runner.Step) {
	w.t.Helper()
	w.before(step)
	if slices.Contains([]string{"build-indices", "map-live-route", "unmap-old-app", "reindex"}, step.Name) {
		w.edits()
	}
}

// chaos is a sandbox on which everything goes wrong that may.
type chaos struct {
	*world
	rand                     *rand.Rand
	kills, faults, processes int
	tally                    string
}

func (c *chaos) toTheEnd(end string) {
	c.t.Helper()
	c.startReaders(20)
	for _, step := range c.book.steps {
		c.others(step)
		c.disturbed(step.Name)
	}
	c.noReadFailed()
	c.wantIndices("search_api_elasticsearch")
	c.wantState(end)
}

func (c *chaos) thereAndBack() {
	c.t.Helper()
	was := c.state()
	c.startReaders(20)
	last := c.book.steps[c.rand.IntN(len(c.book.steps)-1)]
	for _, step := range c.book.steps[:last.Number] {
		c.before(step)
		c.disturbed(step.Name)
	}
	c.disturbed("rollback")
	c.noReadFailed()
	c.removeRetired()
	if last.Number >= c.book.named("await-release").Number {
		c.removeReleased()
	}
	c.wantState(was)
}

func (c *chaos) noReadFailed() {
	c.t.Helper()
	all := c.stopReaders()
	c.tally = fmt.Sprintf("%d live requests", all.Sent)
	if all.Sent == 0 || all.Failed > 0 {
		c.t.Errorf("%d live requests, %d failed: %+v", all.Sent, all.Failed, all.Failures)
	}
}

// patienceOfAPerson is how often a command is run again.
const patienceOfAPerson = 10

// disturbed runs a command to its success, and disturbs all processes but the last ones.
func (c *chaos) disturbed(command string) {
	c.t.Helper()
	var log []string
	for try := range patienceOfAPerson {
		if try < patienceOfAPerson/2 {
			c.arm()
		}
		c.processes++
		p := c.begin(nil, c.book.args(command)...)
		killed := try < patienceOfAPerson/2 && c.rand.IntN(3) == 0 && c.kill(p)
		code := p.wait()
		c.check(c.RemoveFaults(c.t.Context()))
		if code == 0 {
			return
		}
		log = append(log, fmt.Sprintf("-- exit code %d, killed %t\n%s", code, killed, p.Stderr()))
	}
	c.t.Fatalf("%s did not succeed in %d tries:\n%s", command, patienceOfAPerson, strings.Join(log, "\n"))
}

// arm adds one or two faults, or none.
func (c *chaos) arm() {
	for range c.rand.IntN(3) {
		c.faults++
		kinds := []string{faults.ErrorBefore, faults.ErrorAfter, faults.DropBefore, faults.DropAfter, faults.Cut, faults.Delay}
		places := []string{"cloud-controller", "cloud-controller", "search-api", "data-api", "uaa"}
		statuses := []int{429, 500, 502, 503}
		c.fault(faults.Fault{
			UserAgent: "^cutover/", Place: places[c.rand.IntN(len(places))], WritesOnly: c.rand.IntN(2) == 0,
			N: 1 + c.rand.IntN(25), Times: 1 + c.rand.IntN(3),
			Kind: kinds[c.rand.IntN(len(kinds))], Status: statuses[c.rand.IntN(len(statuses))], DelayMS: c.rand.IntN(400),
		})
	}
}

// kill kills a process at a random request, whose fate is random where it is a write. It reports whether the process had not
// ended before.
func (c *chaos) kill(p *process) bool {
	c.t.Helper()
	id := c.fault(faults.Fault{Kind: faults.Hold, UserAgent: "^cutover/", WritesOnly: c.rand.IntN(2) == 0, N: 1 + c.rand.IntN(12)})
	c.eventually("it is at that request, or has ended", func() bool { return p.Ended() || c.getFault(id).State == faults.Held })
	if c.getFault(id).State != faults.Held {
		return false
	}
	c.kills++
	p.Kill()
	// A read is no longer held once the killed process's connection is gone.
	_ = c.Release(c.t.Context(), id, []string{rig.Do, rig.Drop}[c.rand.IntN(2)])
	return true
}
