package e2e

import (
	"testing"

	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// Law 3, for the rollback: killed at every write to the platform, and at the first, a middle and the last document that is caught
// up, and resumed each time by a fresh process in an empty folder, it ends in the state of an undisturbed rollback. The processes
// of one sandbox are killed one after the other, so that each continues where the last one was killed; a process that repeats
// writes would never get further.
//
// The rollbacks are long ones: before a release and after it, with blue stopped, and with blue deleted, so that it is recreated.
func TestARollbackKilledAtEveryWriteComesToTheSameEnd(t *testing.T) {
	eachBook(t, func(t *testing.T, b book) {
		t.Helper()
		for _, c := range b.rollbacks {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				killRollback(t, b, c)
			})
		}
	})
}

func killRollback(t *testing.T, b book, c killedRollback) {
	t.Helper()
	ref := beforeRollback(t, b, c)
	n := len(ref.writes())
	ref.with(noHeartbeat(), 0, b.args("rollback")...)
	all, want := ref.writes()[n:], ref.state()
	documents := len(choose(all, ofDocument))
	for _, fate := range c.fates {
		t.Run(fate, func(t *testing.T) {
			t.Parallel()
			k := &killing{world: beforeRollback(t, b, c), command: "rollback", fate: fate, seen: map[string]bool{}}
			k.throughout(documents / 2)
			k.compare(want, all)
			if b.documents {
				k.wantIndices("search_api_elasticsearch")
			}
		})
	}
}

// Law 3, for remove-old-app with REMOVE_OLD_APP=delete.
func TestTheDeletionOfTheOldAppKilledAtEveryWriteComesToTheSameEnd(t *testing.T) {
	eachBook(t, deletionKilled)
}

func deletionKilled(t *testing.T, b book) {
	t.Helper()
	begin := func(t *testing.T) *world {
		t.Helper()
		w := startFor(t, b, few())
		w.Env["REMOVE_OLD_APP"] = "delete"
		w.forward(b.steps[b.named("remove-old-app").Number-2].Name)
		return w
	}
	ref := begin(t)
	n := len(ref.writes())
	ref.with(noHeartbeat(), 0, b.args("remove-old-app")...)
	all, want := ref.writes()[n:], ref.state()
	for _, fate := range []string{"dropped", "done", "late"} {
		t.Run(fate, func(t *testing.T) {
			t.Parallel()
			k := &killing{world: begin(t), command: "remove-old-app", fate: fate, seen: map[string]bool{}}
			k.throughout(0)
			k.compare(want, all)
		})
	}
}

// compare wants the final state of an undisturbed process, and that a process was killed at each of its writes but the last,
// which releases the lease: after that there is nothing left to do.
func (k *killing) compare(want string, all []faults.Write) {
	k.t.Helper()
	k.wantState(want)
	for _, one := range all[:len(all)-1] {
		if kind := kindOf(one); !ofDocument(one) && !k.seen[kind] {
			k.t.Errorf("no process was killed at %s", kind)
		}
	}
}

// beforeRollback is a sandbox on which a run can be rolled back.
func beforeRollback(t *testing.T, b book, c killedRollback) *world {
	t.Helper()
	o := few()
	o.Drift = -1
	w := startFor(t, b, o)
	w.Env["REMOVE_OLD_APP"] = c.then
	w.forward(c.until)
	if c.release {
		w.deploy(nextImage)
	}
	w.edits()
	return w
}

// killing is a sandbox on which a command is killed again and again.
type killing struct {
	*world
	command string
	// fate is what becomes of the held write: dropped, done, or done late, when the next process has begun.
	fate string
	// seen are the kinds of writes at which a process was killed.
	seen map[string]bool
	// late is the fault that holds a write of a killed process while the next one runs.
	late string
}

// once kills one process at its n-th write to a place, and returns the write; nil if there was none, since the process had ended.
func (k *killing) once(place string, n int) *faults.Write {
	k.t.Helper()
	// So that it need not wait for the lease of the process before it.
	k.removeLease()
	return k.killedAfter(noHeartbeat(), place, n)
}

// takenOver is once for a process that finds the lease of the killed process before it.
func (k *killing) takenOver(place string, n int) *faults.Write {
	k.t.Helper()
	stale := k.instance(leaseName)
	one := k.killedAfter(nil, place, n)
	if now := k.instance(leaseName); stale == "" || now == "" || now == stale {
		k.t.Errorf("the lease was %q and is %q: it was not taken over", stale, now)
	}
	return one
}

func (k *killing) killedAfter(settings map[string]string, place string, n int) *faults.Write {
	k.t.Helper()
	id := k.fault(faults.Fault{Kind: faults.Hold, WritesOnly: true, Place: place, UserAgent: "^cutover/", N: n})
	p := k.begin(settings, k.book.args(k.command)...)
	var f faults.Fault
	k.eventually("a write is held, or the process has ended", func() bool {
		f = k.getFault(id)
		return f.State == faults.Held || p.Ended()
	})
	if f.State == faults.Held {
		p.Kill()
	}
	if k.late != "" {
		k.release(k.late, rig.Do)
		k.late = ""
	}
	if f.State != faults.Held {
		p.wantExit(0)
		return nil
	}
	switch k.fate {
	case "late":
		k.late = id
	case "done":
		k.release(id, rig.Do)
	default:
		k.release(id, rig.Drop)
	}
	for _, one := range k.writes() {
		if one.N == f.Writes[0] {
			k.seen[kindOf(one)] = true
			return &one
		}
	}
	k.t.Fatalf("write %d is not among the writes", f.Writes[0])
	return nil
}

// throughout kills processes at each of their writes to the platform, until one ends by itself, and at some documents while they
// are caught up. The first write of each process is its lease. A write that was not done is repeated by the next process, which
// is killed at the write after it. A write that changes nothing is repeated by every process.
func (k *killing) throughout(documents int) {
	k.t.Helper()
	live, next, last := k.route(liveHost), 1, ""
	for range 200 {
		one := k.once("cloud-controller", next)
		if one == nil {
			return
		}
		now := one.Method + one.Path + k.state()
		switch {
		case next == 1 || now == last:
			next++
		case k.fate == "done":
			next = 2
		default:
			next = 3
		}
		last = now
		if onRoute("POST", live)(*one) && documents > 0 {
			for _, some := range []*faults.Write{k.once("search-api", 1), k.takenOver("search-api", documents/2), k.once("search-api", documents)} {
				if some == nil {
					k.t.Fatal("no document was written")
				}
			}
			documents, last = 0, ""
		}
	}
	k.t.Fatalf("killed 200 times, and it has not ended: %s", last[:200])
}

// kindOf is a write without identifiers.
func kindOf(one faults.Write) string { return one.Method + " " + numbered(one.Path) }
