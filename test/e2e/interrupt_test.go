package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/jenkins/junitxsd"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

const leaseName = "cutover-search-api-lease"

// abort asks a process to end as Jenkins does: again and again, whether or not it
// is ending already. It wants it to be over within 15 s, since Jenkins kills after 20.
func (p *process) abort() {
	p.t.Helper()
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !p.ended() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-tick.C:
		case <-p.done:
		}
	}
	if took := time.Since(began); took > 15*time.Second {
		p.t.Errorf("it took %s to end:\n%s", took, p.log.String())
	}
	if code := p.wait(); code != 130 {
		p.t.Errorf("exit code %d, want 130\n%s", code, p.log.String())
	}
	for _, want := range []string{"run again    yes: it goes on from here", "traffic "} {
		if !strings.Contains(p.log.String(), want) {
			p.t.Errorf("the card does not say %q:\n%s", want, p.log.String())
		}
	}
	junitxsd.ValidateJUnit(p.t, p.reports()...)
}

// reports are the JUnit files that a process has left.
func (p *process) reports() []string {
	paths, _ := filepath.Glob(filepath.Join(p.dir, "reports", "*.xml"))
	return paths
}

// reported waits until a stage's report tells of a task.
func (w *world) reported(p *process, report, task string) {
	w.t.Helper()
	w.eventually(report+" tells of "+task, func() bool {
		text, err := os.ReadFile(filepath.Join(p.dir, "reports", report+".json"))
		return err == nil && strings.Contains(string(text), task)
	})
}

// counter counts requests from now on; hits tells how many.
func (w *world) counter(f map[string]any) string {
	w.t.Helper()
	f["kind"] = "delay"
	return w.fault(f)
}

func TestInterruptedWhileDocumentsAreWritten(t *testing.T) {
	t.Parallel()
	o := small()
	o.Documents, o.PutTime, o.Drift = 400, 10*time.Millisecond, -1
	w := start(t, o)
	w.run(0, "elasticsearch", "run", "--to", "check-apps")
	puts := w.counter(map[string]any{"place": "search-api", "method": "PUT", "path": "/services/"})
	victim := w.begin(nil, "elasticsearch", "build-indices")
	w.eventually("a hundred documents are put", func() bool { return w.hits(puts) > 100 })
	victim.abort()
	if w.instance(leaseName) != "" {
		t.Error("everything was answered, and the lease was kept")
	}
	before := w.hits(puts)
	if before >= 400 {
		t.Fatal("the process had written everything before it was interrupted")
	}
	w.run(0, "elasticsearch", "build-indices")
	if again := w.hits(puts) - before; again > 400-before+110 {
		t.Errorf("%d documents were put before and %d after: it began from the start", before, again)
	}
	if diff := w.unlike("search_api_elasticsearch_new"); diff != "" {
		t.Error(diff)
	}
}

// A document that nobody answered may still be written, late: then the lease is
// left to go stale, and the next process waits that long.
func TestInterruptedWithADocumentUnanswered(t *testing.T) {
	t.Parallel()
	o := small()
	o.Drift = -1
	w := start(t, o)
	w.run(0, "elasticsearch", "run", "--to", "check-apps")
	id := w.fault(map[string]any{"kind": "hold", "place": "search-api", "method": "PUT", "path": "/services/", "n": 40})
	victim := w.begin(nil, "elasticsearch", "build-indices")
	w.awaitHeld(id)
	victim.abort()
	if w.instance(leaseName) == "" {
		t.Error("a document is on its way, and the lease was given back")
	}
	successor := w.begin(nil, "elasticsearch", "build-indices")
	w.eventually("the next process waits", func() bool { return strings.Contains(successor.log.String(), "the lease is held") })
	w.release(id, "do")
	if code := successor.wait(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, successor.log.String())
	}
	if diff := w.unlike("search_api_elasticsearch_new"); diff != "" {
		t.Error(diff)
	}
}

func TestInterruptedWhileTheServiceIsAwaited(t *testing.T) {
	t.Parallel()
	o := small()
	o.Pace, o.ProvisionTime = 0.002, 25*time.Minute // three seconds
	w := start(t, o)
	w.run(0, "elasticsearch", "check-release")
	looks := w.counter(map[string]any{"place": "cloud-controller", "method": "GET", "query": "label_selector=cutover-run"})
	victim := w.begin(nil, "elasticsearch", "create-service")
	w.eventually("it has looked for the service ten times", func() bool { return w.hits(looks) > 10 })
	victim.abort()
	if w.instance(leaseName) != "" {
		t.Error("everything was answered, and the lease was kept")
	}
	made := len(w.writesTo("POST", "/v3/service_instances"))
	w.run(0, "elasticsearch", "create-service")
	// The lease is one as well.
	if n := len(w.writesTo("POST", "/v3/service_instances")) - made; n != 1 {
		t.Errorf("%d service instances were made by the next process, want the lease alone", n)
	}
}

func TestInterruptedWhileRequestsDrain(t *testing.T) {
	t.Parallel()
	o := small()
	o.Drift = -1
	w := start(t, o)
	w.run(0, "elasticsearch", "run", "--to", "watch-traffic")
	w.call("POST", "/_sandbox/load", map[string]any{"rate": 50}, nil)
	victim := w.begin(map[string]string{"DRAIN": "40s"}, "elasticsearch", "unmap-old-app")
	w.reported(victim, "11-unmap-old-app", "off on dm-search-api-preview.cloudapps.digital/_metrics")
	victim.abort()
	if w.instance(leaseName) != "" {
		t.Error("everything was answered, and the lease was kept")
	}
	// Traffic stays where it is: nobody goes back because a build was stopped.
	if n := len(w.writesTo("POST", "/destinations")); n != 2 {
		t.Errorf("%d routes were mapped, want the two of map-live-route", n)
	}
	if !strings.Contains(victim.log.String(), "traffic      green") {
		t.Errorf("the card does not say that green serves:\n%s", victim.log.String())
	}
	next := w.run(0, "elasticsearch", "unmap-old-app")
	if !strings.Contains(next.log.String(), "carry over what was written to the old app last") {
		t.Errorf("the next process did not carry over what was written last:\n%s", next.log.String())
	}
	var tally sandbox.Tally
	w.call("DELETE", "/_sandbox/load", nil, &tally)
	if tally.Sent == 0 || tally.Failed > 0 {
		t.Errorf("%d live requests, %d failed: %+v", tally.Sent, tally.Failed, tally.Failures)
	}
}

// Who waits for the lease of another has nothing to finish.
func TestInterruptedWhileTheLeaseIsAwaited(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "check-release")
	id := w.fault(map[string]any{"kind": "hold", "place": "cloud-controller", "method": "POST", "path": "/v3/service_instances$", "n": 2})
	first := w.begin(unbeating(), "elasticsearch", "create-service")
	w.awaitHeld(id)
	second := w.begin(unbeating(), "elasticsearch", "create-service")
	w.eventually("the second waits", func() bool { return strings.Contains(second.log.String(), "the lease is held") })
	second.abort()
	w.release(id, "do")
	if code := first.wait(); code != 0 {
		t.Errorf("the first ended with %d\n%s", code, first.log.String())
	}
}

// A power failure at any task leaves reports that Jenkins can read.
func TestReportsAreValidAfterAKill(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	killed := func(n int) bool {
		id := w.fault(map[string]any{"kind": "hold", "writes_only": true, "place": "cloud-controller", "n": n})
		victim := w.begin(unbeating(), "elasticsearch", "run")
		w.eventually("a write is held", func() bool { return victim.ended() || w.faultState(id) == "held" })
		if victim.ended() {
			return false
		}
		victim.kill()
		w.release(id, "drop")
		junitxsd.ValidateJUnit(t, victim.reports()...)
		if len(victim.reports()) == 0 {
			t.Errorf("killed at write %d: no report", n)
		}
		if some, _ := filepath.Glob(filepath.Join(victim.dir, "reports", ".part-*")); len(some) > 1 {
			t.Errorf("killed at write %d: half-written files are left: %v", n, some)
		}
		return true
	}
	for _, n := range []int{2, 5, 8, 11} {
		if !killed(n) {
			t.Fatal("nothing was killed")
		}
		if guid := w.instance(leaseName); guid != "" {
			w.cf("DELETE", "/v3/service_instances/"+guid, nil, nil)
		}
	}
	w.forward("")
}

// faultState is the state of a fault.
func (w *world) faultState(id string) string {
	var f struct {
		State string `json:"state"`
	}
	w.call("GET", "/_sandbox/faults/"+id, nil, &f)
	return f.State
}

// writesTo are the writes of a method whose path ends so.
func (w *world) writesTo(method, end string) []string {
	w.t.Helper()
	var some []string
	for _, one := range w.writes() {
		if one.Method == method && strings.HasSuffix(one.Path, end) {
			some = append(some, fmt.Sprintf("%s %s", one.Method, one.Path))
		}
	}
	return some
}
