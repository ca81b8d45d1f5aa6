package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/digitalmarketplace/cutover/test/rig"
)

// processesOf are the processes that run a binary.
func processesOf(t *testing.T, binary string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(line), binary+"\x00") {
			continue // it has ended meanwhile
		}
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	return all
}

// The apps are real programs: each a process with its own port, which is started, proved by the routers, filled, ended with
// its app, seen to crash, and gone with the sandbox.
func TestAnAppThatIsARealProgram(t *testing.T) {
	t.Parallel()
	binary, err := rig.Build{Command: "sandbox"}.Into(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the sandbox's own
		if left := processesOf(t, binary); len(left) > 0 {
			t.Errorf("processes %v outlive the sandbox", left)
		}
	})
	o := small()
	o.Drift, o.Instances = -1, 1 // the engine is in the process
	o.AppCommand = binary + " search-api --documents 130 --briefs 20 --drift 0"
	w := start(t, o)
	w.run(0, "elasticsearch", "run", "--to", "check-apps")
	if apps := processesOf(t, binary); len(apps) != 2 {
		t.Errorf("blue and green are the processes %v", apps)
	}
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.eventually("blue's process ends", func() bool { return len(processesOf(t, binary)) == 1 })
	w.eventually("the program's output is in the app's log", func() bool {
		var logs struct {
			Envelopes struct {
				Batch []struct{ Log struct{ Payload []byte } }
			}
		}
		w.cf("GET", "/api/v1/read/"+w.app("search-api")+"?limit=1000", nil, &logs)
		for _, line := range logs.Envelopes.Batch {
			if strings.HasPrefix(string(line.Log.Payload), "listening on 127.0.0.1:") {
				return true
			}
		}
		return false
	})

	before := processesOf(t, binary)
	if err := syscall.Kill(before[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.eventually("the crash is an event", func() bool {
		var events struct {
			Resources []struct {
				Data struct {
					Status int `json:"exit_status"`
				}
			}
		}
		w.cf("GET", "/v3/audit_events?types=app.crash", nil, &events)
		return len(events.Resources) > 0 && events.Resources[0].Data.Status == 128+int(syscall.SIGKILL)
	})
	w.eventually("another process takes its place", func() bool {
		now := processesOf(t, binary)
		return len(now) == 1 && !slices.Equal(now, before)
	})
}
