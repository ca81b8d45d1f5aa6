package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/jenkins/junitxsd"
	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// abort asks a process to end as Jenkins does: again and again, whether or not it is ending already. It must end within 15 s,
// since Jenkins kills it after 20.
func (p *process) abort() {
	p.t.Helper()
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !p.Ended() {
		_ = p.Signal(syscall.SIGTERM)
		select {
		case <-tick.C:
		case <-p.Done():
		}
	}
	if took := time.Since(began); took > 15*time.Second {
		p.t.Errorf("it took %s to end:\n%s", took, p.Stderr())
	}
	p.wantExit(130)
	p.wantLog("run again    yes: it continues from here", "traffic ")
	junitxsd.ValidateJUnit(p.t, p.reports()...)
}

// reports are the JUnit files that a process has written.
func (p *process) reports() []string {
	paths, _ := filepath.Glob(filepath.Join(p.dir, "reports", "*.xml"))
	return paths
}

// awaitReported waits until the report of a stage has a task.
func (w *world) awaitReported(p *process, report, task string) {
	w.t.Helper()
	w.eventually(report+" has the task "+task, func() bool {
		text, err := os.ReadFile(filepath.Join(p.dir, "reports", report+".json"))
		return err == nil && strings.Contains(string(text), task)
	})
}

// wantNoLease wants the lease to be released: every write was answered.
func (w *world) wantNoLease() {
	w.t.Helper()
	if w.instance(leaseName) != "" {
		w.t.Error("every write was answered, and the lease is still held")
	}
}

func TestInterruptedWhileDocumentsAreWritten(t *testing.T) {
	t.Parallel()
	o := small()
	o.Documents, o.PutTime, o.Drift = 400, 10*time.Millisecond, -1
	w := start(t, o)
	w.run(0, "elasticsearch", "run", "--to", "check-apps")
	puts := w.count(faults.Fault{Place: "search-api", Method: "PUT", Path: "/services/"})
	victim := w.begin(nil, "elasticsearch", "build-indices")
	w.eventually("a hundred documents are put", func() bool { return w.hits(puts) > 100 })
	victim.abort()
	w.wantNoLease()
	before := w.hits(puts)
	if before >= 400 {
		t.Fatal("the process had written everything before it was interrupted")
	}
	w.run(0, "elasticsearch", "build-indices")
	if again := w.hits(puts) - before; again > 400-before+110 {
		t.Errorf("%d documents were put before and %d after: it began from the start", before, again)
	}
	w.wantIndices("search_api_elasticsearch_new")
}

// A PUT without an answer may still have its effect later. Then the lease is left to become stale, and the next process waits for
// that.
func TestInterruptedWithADocumentUnanswered(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.run(0, "elasticsearch", "run", "--to", "check-apps")
	id := w.fault(faults.Fault{Kind: faults.Hold, Place: "search-api", Method: "PUT", Path: "/services/", N: 40})
	victim := w.begin(nil, "elasticsearch", "build-indices")
	w.awaitHeld(id)
	victim.abort()
	if w.instance(leaseName) == "" {
		t.Error("a PUT is unanswered, and the lease was released")
	}
	successor := w.begin(nil, "elasticsearch", "build-indices")
	w.eventually("the next process waits", func() bool { return strings.Contains(successor.Stderr(), "the lease is held") })
	w.release(id, rig.Do)
	successor.wantExit(0)
	w.wantIndices("search_api_elasticsearch_new")
}

func TestInterruptedWhileItWaitsForTheService(t *testing.T) {
	t.Parallel()
	o := small()
	o.Pace, o.ProvisionTime = 0.002, 25*time.Minute // three seconds
	w := start(t, o)
	w.run(0, "elasticsearch", "check-release")
	polls := w.count(faults.Fault{Place: "cloud-controller", Method: "GET", Query: "label_selector=cutover-run"})
	victim := w.begin(nil, "elasticsearch", "create-service")
	w.eventually("it has asked for the service ten times", func() bool { return w.hits(polls) > 10 })
	victim.abort()
	w.wantNoLease()
	before := w.writesTo("POST", "/v3/service_instances")
	w.run(0, "elasticsearch", "create-service")
	if n := w.writesTo("POST", "/v3/service_instances") - before; n != 1 {
		t.Errorf("the next process created %d service instances, want the lease alone", n)
	}
}

func TestInterruptedWhileRequestsDrain(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.run(0, "elasticsearch", "run", "--to", "watch-traffic")
	w.startReaders(50)
	victim := w.begin(map[string]string{"DRAIN": "40s"}, "elasticsearch", "unmap-old-app")
	w.awaitReported(victim, "11-unmap-old-app", "is unmapped on dm-search-api-preview.cloudapps.digital/_metrics")
	victim.abort()
	w.wantNoLease()
	// Traffic stays where it is: an interrupt reverts nothing.
	if n := w.writesTo("POST", "/destinations"); n != 2 {
		t.Errorf("%d routes were mapped, want the two of map-live-route", n)
	}
	victim.wantLog("traffic      green")
	next := w.run(0, "elasticsearch", "unmap-old-app")
	next.wantLog("catch up green with the last writes to blue")
	if tally := w.stopReaders(); tally.Sent == 0 || tally.Failed > 0 {
		t.Errorf("%d live requests, %d failed: %+v", tally.Sent, tally.Failed, tally.Failures)
	}
}

// A process that waits for the lease has nothing to finish.
func TestInterruptedWhileItWaitsForTheLease(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "check-release")
	id := w.fault(faults.Fault{Kind: faults.Hold, Place: "cloud-controller", Method: "POST", Path: "/v3/service_instances$", N: 2})
	first := w.begin(noHeartbeat(), "elasticsearch", "create-service")
	w.awaitHeld(id)
	second := w.begin(noHeartbeat(), "elasticsearch", "create-service")
	w.eventually("the second waits", func() bool { return strings.Contains(second.Stderr(), "the lease is held") })
	second.abort()
	w.release(id, rig.Do)
	first.wantExit(0)
}

// A kill at any task leaves reports that Jenkins can read.
func TestReportsAreValidAfterAKill(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	killed := func(n int) bool {
		id := w.fault(faults.Fault{Kind: faults.Hold, WritesOnly: true, Place: "cloud-controller", N: n})
		victim := w.begin(noHeartbeat(), "elasticsearch", "run")
		w.eventually("a write is held", func() bool { return victim.Ended() || w.getFault(id).State == faults.Held })
		if victim.Ended() {
			return false
		}
		victim.Kill()
		w.release(id, rig.Drop)
		junitxsd.ValidateJUnit(t, victim.reports()...)
		if len(victim.reports()) == 0 {
			t.Errorf("killed at write %d: no report", n)
		}
		if some, _ := filepath.Glob(filepath.Join(victim.dir, "reports", ".part-*")); len(some) > 1 {
			t.Errorf("killed at write %d: half-written files remain: %v", n, some)
		}
		return true
	}
	for _, n := range []int{2, 5, 8, 11} {
		if !killed(n) {
			t.Fatalf("the run ended before write %d", n)
		}
		w.removeLease()
	}
	w.forward("")
}
