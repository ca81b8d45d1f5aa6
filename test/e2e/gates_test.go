package e2e

import (
	"maps"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// repository creates a git repository whose main branch has the tag release-1234, and more commits after it.
func repository(t *testing.T, more int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "search-api.git")
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if out, err := exec.Command("git", "init", "-q", "-b", "main", dir).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	git("commit", "-q", "--allow-empty", "-m", "first")
	git("tag", "-a", "-m", "release", "release-1234")
	for range more {
		git("commit", "-q", "--allow-empty", "-m", "more")
	}
	return dir
}

func TestTheLiveReleaseMustBeTheNewest(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.with(map[string]string{"RELEASE_REPOSITORY": filepath.Join(t.TempDir(), "none")}, 4, "elasticsearch", "check-release")
	p := w.with(map[string]string{"RELEASE_REPOSITORY": repository(t, 1)}, 1, "elasticsearch", "check-release")
	p.wantLog("release first")
	w.with(map[string]string{"RELEASE_REPOSITORY": repository(t, 0)}, 0, "elasticsearch", "check-release")
}

func TestTheSmokeTestGatesTheLiveRoute(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	n := len(w.writes())
	w.with(map[string]string{"SMOKE_TEST": "echo it looks wrong; exit 7", "DRY_RUN": "true"}, 0, "elasticsearch", "map-live-route")
	p := w.with(map[string]string{"SMOKE_TEST": "echo it looks wrong; exit 7"}, 1, "elasticsearch", "map-live-route")
	p.wantLog("it looks wrong", "exit status 7")
	if some := choose(w.writes()[n:], ofDestination); len(some) > 0 {
		t.Errorf("routes were changed: %+v", some)
	}
	w.with(map[string]string{"SMOKE_TEST": `test "$SMOKE_TEST_URL" = http://dm-elasticsearch-migration-preview.cloudapps.digital`}, 0, "elasticsearch", "map-live-route")
}

func TestTheGuardHoldsTheReleaseJobWhileARunIsUnderWay(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "guard")
	w.run(0, "elasticsearch", "check-release")
	p := w.run(3, "elasticsearch", "guard")
	p.wantLog("2. create-service")
	w.run(0, "elasticsearch", "rollback")
	w.run(0, "elasticsearch", "guard")
}

// breach makes the next 40 requests of the program to the live host fail at the router.
func (w *world) breach() {
	w.t.Helper()
	w.fault(faults.Fault{Place: "router", Kind: faults.ErrorBefore, Status: 503, Times: 40, UserAgent: "^cutover/"})
}

// switching starts a switch and returns when both apps serve, or the switch has ended.
func (w *world) switching(extra map[string]string) *process {
	w.t.Helper()
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	// The drain delays the end of the switch.
	settings := map[string]string{"DRAIN": "5s", "WITNESS_BASELINE": "300ms"}
	maps.Copy(settings, extra)
	p := w.begin(settings, "elasticsearch", "switch")
	w.eventually("both apps are on the live route", func() bool {
		return w.unmapped() > 0 || p.Ended()
	})
	return p
}

func TestAFailedRequestDuringTheSwitchRevertsIt(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	p := w.switching(nil)
	w.breach()
	p.wantExit(1)
	p.wantLog("the live address failed at", "traffic      blue", "next         cutover elasticsearch switch")
	w.run(0, "elasticsearch", "switch")
}

func TestAFailedRequestDuringTheSwitchHoldsIfConfigured(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	p := w.switching(map[string]string{"ON_BREACH": "hold"})
	w.breach()
	p.wantExit(3)
	p.wantLog("ON_BREACH is hold")
}
