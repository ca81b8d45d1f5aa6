package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// The platform takes 25 ms for each answer here.
func TestStatusAnswersWithinTwoSecondsWhileAStageRuns(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	held := w.fault(faults.Fault{Kind: faults.Hold, Place: "cloud-controller", Method: "POST", Path: "/destinations$", N: 1})
	stage := w.begin(nil, "elasticsearch", "map-live-route")
	w.awaitHeld(held)
	slow := w.fault(faults.Fault{Kind: faults.Delay, DelayMS: 25, Place: "cloud-controller", UserAgent: "^cutover"})
	n, began := len(w.writes()), time.Now()
	p := w.run(0, "elasticsearch", "status")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s, and %d requests", took, w.hits(slow))
	}
	if !strings.Contains(p.Stdout(), "next  9. map-live-route") {
		t.Errorf("status:\n%s", p.Stdout())
	}
	// The stage's own heartbeat goes on.
	if some := choose(w.writes()[n:], func(one faults.Write) bool { return notOfRecord(one) || one.Method != "PATCH" }); len(some) > 0 {
		t.Errorf("status wrote %+v", some)
	}
	w.release(held, rig.Do)
	stage.wantExit(0)
}

// Until blue is off the live routes the stage that made green makes it again; from then on the way is back, and it works.
func TestStatusDoesNotGoOnWhereGreenIsDeleted(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	was := w.state()
	says := func(want string) {
		t.Helper()
		w.deleteApp(w.app("elasticsearch-migration"))
		if text := w.run(0, "elasticsearch", "status").Stdout(); !strings.Contains(text, want) {
			t.Errorf("status does not contain %q:\n%s", want, text)
		}
	}
	w.run(0, "elasticsearch", "run", "--to", "build-indices")
	says("green, which this run made, is deleted: the next stage reopens 5. push-app")
	w.run(1, "elasticsearch", "verify-indices")
	w.run(0, "elasticsearch", "run", "--from", "push-app", "--to", "unmap-temporary-route")
	says("no: green, which this run made, is deleted: roll back, and start again")
	w.run(0, "elasticsearch", "rollback")
	w.removeRetired()
	w.wantState(was)
}

// README shows the program's status, except for run id, times and the number of events.
func TestTheReadmeShowsTheStatus(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "map-live-route")
	w.moveClock(time.Minute)
	w.actOn("search-api", "restart")
	p := w.run(0, "elasticsearch", "status")
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(text), "<!-- status -->\n")
	shown, _, is := strings.Cut(shown, "<!-- end of status -->")
	if !is {
		t.Fatal("README.md has no status between its comments")
	}
	if diff := cmp.Diff(timeless(p.Stdout()), timeless(shown)); diff != "" {
		t.Errorf("README.md shows another status (-program +README):\n%s\nthe program says:\n%s", diff, p.Stdout())
	}
}

// timeless replaces what differs from run to run, and removes the indentation.
func timeless(text string) string {
	changing := regexp.MustCompile(`\d{8}-\d{4}-[a-z0-9]{4}|\d{4}-\d\d-\d\d|\d\d:\d\d(:\d\d)?|\(\d+ events`)
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		lines = append(lines, changing.ReplaceAllString(line, "…"))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
