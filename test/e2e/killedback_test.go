package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Law 3, for the way back: killed at every write to the platform, and at the first,
// a middle and the last document carried over, each time resumed by a fresh process
// in an empty folder: the end that an undisturbed rollback comes to. One world is
// killed again and again, so that each process goes on from where the last one was
// killed; a process that writes what was done already would never get past it.
//
// The way back is a long one: from before a release and from after it, with the old
// app stopped, and with it deleted, so that it is made anew.
func TestARollbackKilledAtEveryWriteComesToTheSameEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		until, then string
		fates       []string
	}{
		{"remove-old-app", "delete", []string{"dropped", "done", "late"}},
		{"await-release", "delete", []string{"late"}},
		{"await-release", "stop", []string{"done"}},
	} {
		t.Run(c.until+" "+c.then, func(t *testing.T) {
			t.Parallel()
			killedBack(t, func(t *testing.T) *world { return wayBack(t, c.until, c.then) }, c.fates)
		})
	}
}

func killedBack(t *testing.T, begin func(*testing.T) *world, fates []string) {
	ref := begin(t)
	n := len(ref.writes())
	ref.with(unbeating(), 0, "elasticsearch", "rollback")
	all, documents := ref.writes()[n:], 0
	for _, one := range all {
		if ofDocument(one) {
			documents++
		}
	}
	want := ref.state()
	for _, fate := range fates {
		t.Run(fate, func(t *testing.T) {
			t.Parallel()
			k := &killing{world: begin(t), command: "rollback", fate: fate, seen: map[string]bool{}}
			k.throughout(documents / 2)
			k.compare(want, all)
			if diff := k.unlike("search_api_elasticsearch"); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Law 3, for step 17 as the runbook types it: the old app is deleted.
func TestTheDeletionOfTheOldAppKilledAtEveryWriteComesToTheSameEnd(t *testing.T) {
	t.Parallel()
	before := func(t *testing.T) *world {
		w := start(t, few())
		w.env["OLD_APP"] = "delete"
		w.forward("rename-new-app")
		return w
	}
	ref := before(t)
	n := len(ref.writes())
	ref.with(unbeating(), 0, "elasticsearch", "remove-old-app")
	all, want := ref.writes()[n:], ref.state()
	for _, fate := range []string{"dropped", "done", "late"} {
		t.Run(fate, func(t *testing.T) {
			t.Parallel()
			k := &killing{world: before(t), command: "remove-old-app", fate: fate, seen: map[string]bool{}}
			k.throughout(0)
			k.compare(want, all)
		})
	}
}

// compare wants the end that an undisturbed process comes to, and that all it
// writes was killed at, but for the lease that is given back in the end: after
// that there is nothing left to do.
func (k *killing) compare(want string, all []write) {
	k.t.Helper()
	if diff := cmp.Diff(want, k.state()); diff != "" {
		k.t.Errorf("another end (-want +got):\n%s", diff)
	}
	for _, one := range all[:len(all)-1] {
		if kind := kindOf(one); !ofDocument(one) && !k.seen[kind] {
			k.t.Errorf("no process was killed at %s", kind)
		}
	}
}

// wayBack is a world that has a long way back before it.
func wayBack(t *testing.T, until, then string) *world {
	o := undrifted()
	o.Documents, o.Briefs = 12, 4
	w := start(t, o)
	w.env["OLD_APP"] = then
	w.forward(until)
	w.edits()
	return w
}

// killing is a world in which a command is killed again and again.
type killing struct {
	*world
	command, fate string
	// seen are the kinds of writes that were killed at.
	seen map[string]bool
	// late is a held write of a process that is dead, which its successor meets.
	late string
}

// once kills one process at its n-th write to a place, and returns the write; nil
// if there was none, as the process came to its end.
func (k *killing) once(place string, n int) *write {
	k.t.Helper()
	// The lease of the process before it is not waited for each time.
	if lease := k.instance(leaseName); lease != "" {
		k.cf("DELETE", "/v3/service_instances/"+lease, nil, nil)
	}
	return k.killedAfter(unbeating(), place, n)
}

// takenOver is once, of a process that finds the lease of the one before it, which
// nobody has given back.
func (k *killing) takenOver(place string, n int) *write {
	k.t.Helper()
	dead := k.instance(leaseName)
	one := k.killedAfter(nil, place, n)
	if now := k.instance(leaseName); dead == "" || now == "" || now == dead {
		k.t.Errorf("the lease was %q and is %q: it was not taken over", dead, now)
	}
	return one
}

func (k *killing) killedAfter(settings map[string]string, place string, n int) *write {
	k.t.Helper()
	id := k.fault(map[string]any{"kind": "hold", "writes_only": true, "place": place, "user_agent": "^cutover/", "n": n})
	p := k.begin(settings, "elasticsearch", k.command)
	var f struct {
		State  string `json:"state"`
		Writes []int  `json:"writes"`
	}
	k.eventually("a write is held, or the process has ended", func() bool {
		k.call("GET", "/_sandbox/faults/"+id, nil, &f)
		return f.State == "held" || p.ended()
	})
	if f.State == "held" {
		p.kill()
	}
	if k.late != "" {
		k.release(k.late, "do")
		k.late = ""
	}
	if f.State != "held" {
		if code := p.wait(); code != 0 {
			k.t.Fatalf("exit code %d\n%s", code, p.log.String())
		}
		return nil
	}
	switch k.fate {
	case "late":
		k.late = id
	case "done":
		k.release(id, "do")
	default:
		k.release(id, "drop")
	}
	for _, one := range k.writes() {
		if one.N == f.Writes[0] {
			k.seen[kindOf(one)] = true
			return &one
		}
	}
	k.t.Fatalf("write %d is not among those seen", f.Writes[0])
	return nil
}

// throughout kills a process at each of its writes to the platform, until one
// comes to its end; and at some documents while they are carried over. The first
// write of each process is its lease; one that was not done is the first of the
// next process, which is let past it. So is one that changes nothing, as it is done
// each time.
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
			for _, some := range []*write{k.once("search-api", 1), k.takenOver("search-api", documents/2), k.once("search-api", documents)} {
				if some == nil {
					k.t.Fatal("it did not come to a document")
				}
			}
			documents, last = 0, ""
		}
	}
	k.t.Fatalf("it was killed 200 times and came to no end: %s", last[:200])
}

// kindOf is a write without the identifiers of its world.
func kindOf(one write) string { return one.Method + " " + named(one.Path) }
