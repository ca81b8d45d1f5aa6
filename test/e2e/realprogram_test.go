package e2e

import (
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/rig"
)

// The apps are real programs: each a process with its own port, which is started, proved by the routers, filled, and ended.
func TestAnAppThatIsARealProgram(t *testing.T) {
	t.Parallel()
	binary, err := rig.Build{Command: "sandbox"}.Into(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := small()
	o.Drift, o.Instances = -1, 1 // the engine is in the process
	o.AppCommand = binary + " search-api --documents 130 --briefs 20 --drift 0"
	w := start(t, o)
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	var logs struct {
		Envelopes struct {
			Batch []struct{ Log struct{ Payload []byte } }
		}
	}
	w.eventually("the program's output is in the app's log", func() bool {
		w.cf("GET", "/api/v1/read/"+w.app("search-api")+"?limit=1000", nil, &logs)
		for _, line := range logs.Envelopes.Batch {
			if strings.HasPrefix(string(line.Log.Payload), "listening on 127.0.0.1:") {
				return true
			}
		}
		return false
	})
}
