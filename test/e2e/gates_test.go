package e2e

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repository makes a git repository whose main branch is tagged release-1234,
// with more commits after the tag.
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
	if !strings.Contains(p.log.String(), "release first") {
		t.Errorf("the log does not say what to do:\n%s", p.log.String())
	}
	w.with(map[string]string{"RELEASE_REPOSITORY": repository(t, 0)}, 0, "elasticsearch", "check-release")
}

func TestTheSmokeTestGatesTheLiveRoute(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	n := len(w.writes())
	w.with(map[string]string{"SMOKE_TEST": "echo it looks wrong; exit 7", "DRY_RUN": "true"}, 0, "elasticsearch", "map-live-route")
	p := w.with(map[string]string{"SMOKE_TEST": "echo it looks wrong; exit 7"}, 1, "elasticsearch", "map-live-route")
	if !strings.Contains(p.log.String(), "it looks wrong") || !strings.Contains(p.log.String(), "exit status 7") {
		t.Errorf("the log does not show the smoke test:\n%s", p.log.String())
	}
	for _, one := range w.writes()[n:] {
		if strings.Contains(one.Path, "/destinations") {
			t.Errorf("a route was changed: %+v", one)
		}
	}
	w.with(map[string]string{"SMOKE_TEST": `test "$SMOKE_TEST_URL" = http://dm-elasticsearch-migration-preview.cloudapps.digital`}, 0, "elasticsearch", "map-live-route")
}

func TestTheGuardHoldsTheReleaseJobWhileARunIsUnderWay(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "guard")
	w.run(0, "elasticsearch", "check-release")
	p := w.run(3, "elasticsearch", "guard")
	if !strings.Contains(p.log.String(), "2. create-service") {
		t.Errorf("the guard does not say where the run is:\n%s", p.log.String())
	}
	w.run(0, "elasticsearch", "rollback")
	w.run(0, "elasticsearch", "guard")
}

// fail lets the next requests of the program to the live host fail at the router.
func (w *world) fail(times int) {
	w.t.Helper()
	w.fault(map[string]any{"place": "router", "kind": "error-before", "status": 503, "times": times, "user_agent": "^cutover/"})
}

// switching starts a switch and returns when both apps serve.
func (w *world) switching(extra map[string]string) *process {
	w.t.Helper()
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	// The last change of the switch is held up by the drain.
	settings := map[string]string{"DRAIN": "5s", "WITNESS_BASELINE": "300ms"}
	for k, v := range extra {
		settings[k] = v
	}
	p := w.begin(settings, "elasticsearch", "switch")
	w.eventually("both apps are on the live route", func() bool {
		return slices.ContainsFunc(w.writes(), func(one write) bool {
			return one.Method == "DELETE" && strings.Contains(one.Path, "/destinations")
		}) || p.ended()
	})
	return p
}

func TestAFailedRequestDuringTheSwitchPutsTheOldAppBack(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	p := w.switching(nil)
	w.fail(40)
	if code := p.wait(); code != 1 {
		t.Fatalf("exit code %d\n%s", code, p.log.String())
	}
	for _, want := range []string{"the live address failed at", "traffic      blue", "next         cutover elasticsearch switch"} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, p.log.String())
		}
	}
	w.run(0, "elasticsearch", "switch")
}

func TestAFailedRequestDuringTheSwitchHoldsWhereAskedTo(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	p := w.switching(map[string]string{"ON_BREACH": "hold"})
	w.fail(40)
	if code := p.wait(); code != 3 {
		t.Fatalf("exit code %d\n%s", code, p.log.String())
	}
	if !strings.Contains(p.log.String(), "ON_BREACH is hold") {
		t.Errorf("the log does not say why nothing was put back:\n%s", p.log.String())
	}
}
