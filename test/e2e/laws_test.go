package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// before does what others do before a stage, and what the program only awaits.
func (w *world) before(step runner.Step) {
	w.t.Helper()
	if step.Name == "await-release" {
		w.released(nil)
	}
}

// released runs the release job, with a manifest that says something else than the
// house's where one is given.
func (w *world) released(manifest map[string]any) {
	w.t.Helper()
	w.call("POST", "/_sandbox/release", map[string]any{"image": "digitalmarketplace/search-api:release-1235", "manifest": manifest}, nil)
}

// forward runs all stages up to one, with the release in between where that is
// past it. "" is the last.
func (w *world) forward(to string) {
	w.t.Helper()
	book := elasticsearch.Runbook(nil)
	if to == "" || len(book.Between("await-release", to)) > 0 {
		w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
		w.released(nil)
	}
	if to == "" {
		to = book.Steps[len(book.Steps)-1].Name
	}
	w.run(0, "elasticsearch", "run", "--to", to)
}

// alwaysActs are the stages that act anew each time they are called.
func alwaysActs() []string { return []string{"reindex"} }

// isLast tells the step that ends the run: after it there is no record to go on
// from, to take a mark off, or to go back by.
func isLast(steps []runner.Step, step runner.Step) bool {
	return steps[len(steps)-1].Name == step.Name
}

// Law 1: a dry run writes nothing at all, before any stage and after it.
func TestADryRunWritesNothing(t *testing.T) {
	t.Parallel()
	steps := elasticsearch.Runbook(nil).Steps
	w := start(t, small())
	look := func(when string, back int) {
		t.Helper()
		n := len(w.writes())
		for _, args := range [][]string{{"run", "--dry-run"}, {"plan"}, {"status"}, {"rollback", "--dry-run"}} {
			want := 0
			if args[0] == "rollback" {
				want = back
			}
			p := w.begin(nil, append([]string{"elasticsearch"}, args...)...)
			if code := p.wait(); code != want {
				t.Fatalf("%v %s: exit code %d, want %d\n%s", args, when, code, want, p.log.String())
			}
		}
		if some := w.writes(); len(some) != n {
			t.Errorf("%s: %d writes: %+v", when, len(some)-n, some[n:])
		}
	}
	look("at the beginning", 0)
	for _, step := range steps {
		w.before(step)
		w.run(0, "elasticsearch", step.Name)
		if isLast(steps, step) {
			look("after "+step.Name, 3) // There is no way back from a run that is complete.
		} else {
			look("after "+step.Name, 0)
		}
	}
}

// Law 1 and 2: a stage that has nothing to do writes nothing but the lease and
// its mark; one that is complete writes nothing.
func TestAppliedTwiceIsAppliedOnce(t *testing.T) {
	t.Parallel()
	steps := elasticsearch.Runbook(nil).Steps
	w := start(t, small())
	for _, step := range steps {
		w.before(step)
		w.run(0, "elasticsearch", step.Name)
		if slices.Contains(alwaysActs(), step.Name) {
			continue
		}
		was, n := w.state(), len(w.writes())
		w.run(0, "elasticsearch", step.Name)
		if some := w.writes()[n:]; len(some) != 0 {
			t.Errorf("%s, complete, wrote %+v", step.Name, some)
		}
		if isLast(steps, step) {
			continue // The run is over: there is no mark to take off.
		}
		w.unmark(step.Name)
		n = len(w.writes())
		w.run(0, "elasticsearch", step.Name)
		for _, one := range w.writes()[n:] {
			if one.Place != "cloud-controller" || !strings.HasPrefix(one.Path, "/v3/service_instances") {
				t.Errorf("%s, done but not marked, wrote %+v", step.Name, one)
			}
		}
		if diff := cmp.Diff(was, w.state()); diff != "" {
			t.Errorf("%s, run again without its mark (-before +after):\n%s", step.Name, diff)
		}
	}
}

// Law 3: killed at any write, resumed by a fresh process in an empty folder: the
// same end, nothing lost, nothing doubled. Each world goes through the whole
// runbook, and in each stage its process is killed at another point.
func TestKilledAtAnyWriteTheNextProcessComesToTheSameEnd(t *testing.T) {
	t.Parallel()
	steps := elasticsearch.Runbook(nil).Steps
	kills, ends := rehearsed(t, steps)
	for i := 0; ; i++ {
		last := -1
		for at, step := range steps {
			if i < len(kills[step.Name]) {
				last = at
			}
		}
		if last < 0 {
			break
		}
		t.Run(fmt.Sprintf("world %d", i+1), func(t *testing.T) {
			t.Parallel()
			w := start(t, small())
			for _, step := range steps[:last+1] {
				w.before(step)
				if i >= len(kills[step.Name]) {
					w.run(0, "elasticsearch", step.Name)
					continue
				}
				w.killedAt(step, kills[step.Name][i], ends[step.Name])
			}
		})
	}
}

// kill is a point at which a process is killed, and what becomes of the write that
// was on its way.
type kill struct {
	// n is the number of the write in its stage, from 1.
	n    int
	at   write
	fate string
}

func (k kill) String() string {
	return fmt.Sprintf("%s %s (%d, %s)", k.at.Method, k.at.Path, k.n, k.fate)
}

// rehearsed runs all stages undisturbed, and returns for each the points to be
// killed at and the state that it ends in.
func rehearsed(t *testing.T, steps []runner.Step) (kills map[string][]kill, ends map[string]string) {
	t.Helper()
	kills, ends = map[string][]kill{}, map[string]string{}
	w := start(t, small())
	for _, step := range steps {
		w.before(step)
		n := len(w.writes())
		w.with(unbeating(), 0, "elasticsearch", step.Name)
		all := w.writes()[n:]
		ends[step.Name] = w.state()
		for _, at := range points(all) {
			for _, fate := range []string{"dropped", "done", "late"} {
				kills[step.Name] = append(kills[step.Name], kill{at + 1, all[at], fate})
			}
		}
	}
	return kills, ends
}

// points are the writes to be killed at: every write to the platform, and the
// first, a middle and the last write of each run of documents.
func points(all []write) []int {
	var some []int
	for i := 0; i < len(all); {
		if all[i].Place == "cloud-controller" {
			some = append(some, i)
			i++
			continue
		}
		j := i
		for j < len(all) && all[j].Place != "cloud-controller" {
			j++
		}
		some = append(some, i, (i+j)/2, j-1)
		i = j
	}
	return slices.Compact(some)
}

// unbeating are the settings of a process whose lease shows no sign of life while
// a stage runs, so that its writes can be counted.
func unbeating() map[string]string {
	return map[string]string{"LEASE_HEARTBEAT": "60s", "LEASE_STALE_AFTER": "180s"}
}

// killedAt kills a process in a stage, and wants the next one to come to its end.
func (w *world) killedAt(step runner.Step, k kill, want string) {
	w.t.Helper()
	id := w.fault(map[string]any{"kind": "hold", "writes_only": true, "n": k.n})
	victim := w.begin(unbeating(), "elasticsearch", step.Name)
	w.awaitHeld(id)
	victim.kill()
	if k.fate == "dropped" {
		w.release(id, "drop")
	}
	if k.fate == "done" {
		w.release(id, "do")
	}
	seen := len(w.writes())
	successor := w.begin(nil, "elasticsearch", step.Name)
	if k.fate == "late" {
		w.eventually("the successor begins to write, or has nothing to", func() bool { return len(w.writes()) > seen || successor.ended() })
		w.release(id, "do")
	}
	if code := successor.wait(); code != 0 {
		w.t.Fatalf("%s killed at %s: the next process ended with %d\n%s", step.Name, k, code, successor.log.String())
	}
	if diff := cmp.Diff(want, w.state()); diff != "" {
		w.t.Fatalf("%s killed at %s: another end (-want +got):\n%s", step.Name, k, diff)
	}
	// A lease that was made late is nobody's, and the next one to be killed would
	// wait for it.
	if guid := w.instance(leaseName); guid != "" {
		w.cf("DELETE", "/v3/service_instances/"+guid, nil, nil)
	}
}

// Law 4: applied up to any stage, then undone: the state before, but for the
// record of the retired run.
func TestUndoneIsTheStateBefore(t *testing.T) {
	t.Parallel()
	steps := elasticsearch.Runbook(nil).Steps
	for _, step := range steps {
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			w := start(t, small())
			was := w.state()
			w.forward(step.Name)
			if isLast(steps, step) {
				// The point of no return: refused, and nothing is touched.
				was, n := w.state(), len(w.writes())
				w.run(3, "elasticsearch", "rollback")
				if some := w.writes()[n:]; len(some) != 0 || w.state() != was {
					t.Errorf("a rollback after the end wrote %+v", some)
				}
				return
			}
			w.run(0, "elasticsearch", "rollback")
			w.removeLast()
			if step.Number >= 18 {
				// The stated reason: what was released stays, and its service with it.
				w.removeReleased()
			}
			if diff := cmp.Diff(was, w.state()); diff != "" {
				t.Errorf("after %s and back (-before +after):\n%s", step.Name, diff)
			}
		})
	}
}

// removeReleased removes by hand what a way back leaves of a release.
func (w *world) removeReleased() {
	w.t.Helper()
	w.deleteApp(w.app("search-api-released"))
	w.cf("DELETE", "/v3/service_instances/"+w.instance("search_api_elasticsearch_released"), nil, nil)
	w.eventually("the released app's service is gone", func() bool { return w.instance("search_api_elasticsearch_released") == "" })
}

// Law 5: no secret in any output.
func TestNoSecretIsInAnyOutput(t *testing.T) {
	t.Parallel()
	steps := elasticsearch.Runbook(nil).Steps
	for _, format := range []string{"text", "json"} {
		w := start(t, small())
		for _, step := range steps {
			w.before(step)
			p := w.with(map[string]string{"LOG_FORMAT": format}, 0, "elasticsearch", step.Name)
			w.noSecret(p)
		}
		w.noSecret(w.with(map[string]string{"LOG_FORMAT": format}, 0, "elasticsearch", "status"))
		// After the last step there is no way back; before it there is.
		w.noSecret(w.with(map[string]string{"LOG_FORMAT": format}, 3, "elasticsearch", "rollback"))
		w = start(t, small())
		w.forward(steps[len(steps)-2].Name)
		w.noSecret(w.with(map[string]string{"LOG_FORMAT": format}, 0, "elasticsearch", "rollback"))
		w.noSecret(w.run(0, "env"))
	}
}
