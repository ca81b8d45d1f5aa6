package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The platform of this test takes 25 ms for each answer.
func TestStatusAnswersWithinTwoSecondsWhileAStageRuns(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	held := w.fault(map[string]any{"kind": "hold", "place": "cloud-controller", "method": "POST", "path": "/destinations$", "n": 1})
	stage := w.begin(nil, "elasticsearch", "map-live-route")
	w.awaitHeld(held)
	slow := w.fault(map[string]any{"kind": "delay", "delay_ms": 25, "place": "cloud-controller", "user_agent": "^cutover"})
	n, began := len(w.writes()), time.Now()
	p := w.run(0, "elasticsearch", "status")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s, and %d requests", took, w.hits(slow))
	}
	if !strings.Contains(p.out.String(), "next  9. map-live-route") {
		t.Errorf("it says:\n%s", p.out.String())
	}
	for _, one := range w.writes()[n:] {
		// The stage's own heartbeat goes on.
		if one.Method != "PATCH" || !strings.HasPrefix(one.Path, "/v3/service_instances/") {
			t.Errorf("it wrote %+v", one)
		}
	}
	w.release(held, "do")
	if code := stage.wait(); code != 0 {
		t.Errorf("the stage ended with %d:\n%s", code, stage.log.String())
	}
}

// What the README shows is what the program says, but for run, times and the
// number of events.
func TestTheReadmeShowsTheStatusAsItIs(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "map-live-route")
	w.call("POST", "/_sandbox/clock", map[string]any{"move": "1m"}, nil)
	w.cf("POST", "/v3/apps/"+w.app("search-api")+"/actions/restart", nil, nil)
	p := w.run(0, "elasticsearch", "status")
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(text), "<!-- status -->\n")
	shown, _, is := strings.Cut(shown, "<!-- end of status -->")
	if !is {
		t.Fatal("README.md has no status between its marks")
	}
	if diff := cmp.Diff(timeless(p.out.String()), timeless(shown)); diff != "" {
		t.Errorf("README.md shows another status (-program +README):\n%s\nthe program says:\n%s", diff, p.out.String())
	}
}

// timeless blanks what differs from run to run, and the indentation.
func timeless(text string) string {
	changing := regexp.MustCompile(`\d{8}-\d{4}-[a-z0-9]{4}|\d{4}-\d\d-\d\d|\d\d:\d\d(:\d\d)?|\(\d+ events`)
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		lines = append(lines, changing.ReplaceAllString(line, "…"))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
