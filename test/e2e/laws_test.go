package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// before does what others do before a stage: the release that the program waits for.
func (w *world) before(step runner.Step) {
	w.t.Helper()
	if step.Name == "await-release" {
		w.deploy(nextImage)
	}
}

// forward runs all stages up to and including one, and the release where it comes before that. "" is the last stage.
func (w *world) forward(to string) {
	w.t.Helper()
	if step := w.book.named(to); step == nil || step.Number >= w.book.named("await-release").Number {
		w.run(0, w.book.args("run", "--to", "remove-old-app")...)
		w.deploy(nextImage)
	}
	if to == "" {
		to = w.book.steps[len(w.book.steps)-1].Name
	}
	w.run(0, w.book.args("run", "--to", to)...)
}

// isLast reports whether a step ends the run: after it there is no record to resume from or to roll back by.
func isLast(steps []runner.Step, step runner.Step) bool {
	return steps[len(steps)-1].Name == step.Name
}

// Law 1: a dry run writes nothing at all, before any stage and after it.
func TestADryRunWritesNothing(t *testing.T) { eachBook(t, dryRunWritesNothing) }

func dryRunWritesNothing(t *testing.T, b book) {
	t.Helper()
	steps := b.steps
	w := startFor(t, b, b.sandbox())
	check := func(when string, rollback int) {
		t.Helper()
		n := len(w.writes())
		for _, args := range [][]string{{"run", "--dry-run"}, {"plan"}, {"status"}, {"rollback", "--dry-run"}} {
			want := 0
			if args[0] == "rollback" {
				want = rollback
			}
			p := w.begin(nil, b.args(args...)...)
			p.wantExit(want)
		}
		if some := w.writes(); len(some) != n {
			t.Errorf("%s: %d writes: %+v", when, len(some)-n, some[n:])
		}
	}
	check("at the beginning", 0)
	for _, step := range steps {
		w.before(step)
		w.run(0, w.book.args(step.Name)...)
		if isLast(steps, step) {
			check("after "+step.Name, 3) // A run that has ended cannot be rolled back.
		} else {
			check("after "+step.Name, 0)
		}
	}
}

// Laws 1 and 2: a stage with nothing to do writes nothing but the lease and the record that it is complete; a complete stage writes
// nothing.
func TestAppliedTwiceIsAppliedOnce(t *testing.T) { eachBook(t, appliedTwice) }

func appliedTwice(t *testing.T, b book) {
	t.Helper()
	steps := b.steps
	w := startFor(t, b, b.sandbox())
	for _, step := range steps {
		w.before(step)
		p := w.run(0, w.book.args(step.Name)...)
		if b.reports {
			p.wantUniqueTasks()
		}
		if slices.Contains(b.alwaysActs, step.Name) {
			continue
		}
		was, n := w.state(), len(w.writes())
		w.run(0, w.book.args(step.Name)...)
		if some := w.writes()[n:]; len(some) != 0 {
			t.Errorf("%s, complete, wrote %+v", step.Name, some)
		}
		if isLast(steps, step) {
			continue // The run has ended: there is no record any more.
		}
		w.uncomplete(step.Name)
		n = len(w.writes())
		w.run(0, w.book.args(step.Name)...)
		if some := choose(w.writes()[n:], notOfRecord); len(some) > 0 {
			t.Errorf("%s, done but not recorded as complete, wrote %+v", step.Name, some)
		}
		w.wantState(was)
	}
}

// wantUniqueTasks wants the tasks of each stage to have names of their own, as people search a log and Jenkins' results by name.
func (p *process) wantUniqueTasks() {
	p.t.Helper()
	paths, err := filepath.Glob(filepath.Join(p.dir, "reports", "*.json"))
	if err != nil || len(paths) == 0 {
		p.t.Fatalf("%d reports: %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		var result runner.Result
		if err == nil {
			err = json.Unmarshal(text, &result)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, task := range result.Tasks {
			if seen[task.Name] {
				p.t.Errorf("%s has two tasks %q", result.Stage, task.Name)
			}
			seen[task.Name] = true
		}
	}
}

// Law 3: killed at any write and resumed by a fresh process in an empty folder, a stage ends in the same state, nothing lost and
// nothing doubled. On each sandbox the whole runbook is run, and the process of each stage is killed at another point.
func TestKilledAtAnyWriteTheNextProcessComesToTheSameEnd(t *testing.T) { eachBook(t, killedAtAnyWrite) }

func killedAtAnyWrite(t *testing.T, b book) {
	t.Helper()
	steps := b.steps
	kills, ends := rehearsed(t, b)
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
		t.Run(fmt.Sprintf("sandbox %d", i+1), func(t *testing.T) {
			t.Parallel()
			w := startFor(t, b, b.sandbox())
			for _, step := range steps[:last+1] {
				w.before(step)
				if i >= len(kills[step.Name]) {
					w.run(0, w.book.args(step.Name)...)
					continue
				}
				w.killedAt(step, kills[step.Name][i], ends[step.Name])
			}
		})
	}
}

// kill is a write at which a process is killed, and its fate: dropped, done, or done late, when the next process has begun.
type kill struct {
	// n is the number of the write in its stage, from 1.
	n    int
	at   faults.Write
	fate string
}

func (k kill) String() string {
	return fmt.Sprintf("%s %s (%d, %s)", k.at.Method, k.at.Path, k.n, k.fate)
}

// rehearsed runs all stages undisturbed, and returns for each the writes to be killed at and its final state.
func rehearsed(t *testing.T, b book) (kills map[string][]kill, ends map[string]string) {
	t.Helper()
	kills, ends = map[string][]kill{}, map[string]string{}
	w := startFor(t, b, b.sandbox())
	for _, step := range b.steps {
		w.before(step)
		n := len(w.writes())
		w.with(noHeartbeat(), 0, w.book.args(step.Name)...)
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

// points are the writes to be killed at: every write to the platform, and the first, a middle and the last of each sequence of
// documents.
func points(all []faults.Write) []int {
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

// noHeartbeat are the settings of a process without a heartbeat while a stage runs, so that its writes are always the same.
func noHeartbeat() map[string]string {
	return map[string]string{"LEASE_HEARTBEAT": "60s", "LEASE_STALE_AFTER": "180s"}
}

// killedAt kills a process in a stage, and wants the next process to reach the stage's final state.
func (w *world) killedAt(step runner.Step, k kill, want string) {
	w.t.Helper()
	id := w.fault(faults.Fault{Kind: faults.Hold, WritesOnly: true, N: k.n})
	victim := w.begin(noHeartbeat(), w.book.args(step.Name)...)
	w.awaitHeld(id)
	victim.Kill()
	if k.fate == "dropped" {
		w.release(id, rig.Drop)
	}
	if k.fate == "done" {
		w.release(id, rig.Do)
	}
	seen := len(w.writes())
	successor := w.begin(nil, w.book.args(step.Name)...)
	if k.fate == "late" {
		w.eventually("the next process begins to write, or has nothing to do", func() bool { return len(w.writes()) > seen || successor.Ended() })
		w.release(id, rig.Do)
	}
	successor.wantExit(0)
	if diff := cmp.Diff(want, w.state()); diff != "" {
		w.t.Fatalf("%s killed at %s: another final state (-want +got):\n%s", step.Name, k, diff)
	}
	// A lease that was created late belongs to no process, and the next one would wait for it.
	w.removeLease()
}

// Law 4: applied up to any stage and rolled back, the state is the one before, except for the record of the retired run.
func TestUndoneIsTheStateBefore(t *testing.T) { eachBook(t, undone) }

func undone(t *testing.T, b book) {
	t.Helper()
	steps := b.steps
	for _, step := range steps {
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			w := startFor(t, b, b.sandbox())
			was := w.state()
			w.forward(step.Name)
			if isLast(steps, step) {
				// The run has ended: the rollback is refused, and writes nothing.
				was, n := w.state(), len(w.writes())
				w.run(3, w.book.args("rollback")...)
				if some := w.writes()[n:]; len(some) != 0 || w.state() != was {
					t.Errorf("a rollback after the end wrote %+v", some)
				}
				return
			}
			w.run(0, w.book.args("rollback")...)
			w.removeRetired()
			if step.Number >= b.named("await-release").Number {
				// Released apps stay, with their service.
				w.removeReleased()
			}
			w.wantState(was)
		})
	}
}

// Law 5: no secret in any output.
func TestNoSecretIsInAnyOutput(t *testing.T) { eachBook(t, noSecretInAnyOutput) }

func noSecretInAnyOutput(t *testing.T, b book) {
	t.Helper()
	steps := b.steps
	for _, format := range []string{"text", "json"} {
		w := startFor(t, b, b.sandbox())
		for _, step := range steps {
			w.before(step)
			p := w.with(map[string]string{"LOG_FORMAT": format}, 0, w.book.args(step.Name)...)
			w.noSecret(p)
		}
		w.noSecret(w.with(map[string]string{"LOG_FORMAT": format}, 0, w.book.args("status")...))
		// After the last step a rollback is refused; before it, it works.
		w.noSecret(w.with(map[string]string{"LOG_FORMAT": format}, 3, w.book.args("rollback")...))
		w = startFor(t, b, b.sandbox())
		w.forward(steps[len(steps)-2].Name)
		w.noSecret(w.with(map[string]string{"LOG_FORMAT": format}, 0, w.book.args("rollback")...))
		for _, args := range b.commands {
			w.noSecret(w.run(0, args...))
		}
	}
}
