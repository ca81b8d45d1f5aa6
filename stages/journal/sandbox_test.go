package journal_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// brisk lets a test wait for a stale lease in real time.
var brisk = journal.LeaseSettings{Heartbeat: 200 * time.Millisecond, StaleAfter: 3 * time.Second}

type program struct{}

func (program) Boot(diego.Instance) (http.Handler, error) {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil
}

// rehearsal is the Digital Marketplace's space on the rehearsal platform, and what
// can go wrong there.
func rehearsal(t *testing.T) (*cloudfoundry.Client, *faults.Engine) {
	t.Helper()
	ticking := clock.New(0.001)
	engine := faults.New(ticking)
	server := httptest.NewUnstartedServer(nil)
	p := platform.New(platform.Options{
		Clock: ticking, Faults: engine,
		Programs: func(string) (diego.Program, bool) { return program{}, true },
	})
	server.Config.Handler = p.API()
	server.Start()
	t.Cleanup(func() { engine.Close(); p.Close(); server.Close() })
	world := platform.DigitalMarketplace("preview", "jenkins@example.com", "sandbox-cf-password")
	world.Services, world.Apps, world.RouteServices, world.Policies = nil, nil, nil, nil
	if err := p.Seed(world); err != nil {
		t.Fatal(err)
	}
	c, err := cloudfoundry.Open(t.Context(), cloudfoundry.Settings{
		API: server.URL, Org: "digitalmarketplace", Space: "preview", Username: "jenkins@example.com", Password: "sandbox-cf-password",
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c, engine
}

func add(t *testing.T, e *faults.Engine, f faults.Fault) string {
	t.Helper()
	id, err := e.Add(f)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRunAndLeaseOnTheSandbox(t *testing.T) {
	c, engine := rehearsal(t)
	lease := journal.NewLease(journal.On(c), "search-api", brisk, nil)
	j := journal.New(journal.On(c), "search-api")
	ctx := httpclient.WithPermit(t.Context(), lease.Permit)
	if err := j.Create(ctx, newRun()); !errors.Is(err, journal.ErrNotHeld) {
		t.Errorf("a run was recorded without the lease: %v", err)
	}
	// The answer to the lease's POST, and then to the run's, is lost.
	add(t, engine, faults.Fault{Method: "POST", Path: "^/v3/service_instances$", Kind: faults.DropAfter, N: 1})
	take(t, lease, "41")
	defer lease.Abandon()
	add(t, engine, faults.Fault{Method: "POST", Path: "^/v3/service_instances$", Kind: faults.ErrorAfter, N: 1})
	run := newRun()
	if err := j.Create(ctx, run); err != nil {
		t.Fatal(err)
	}
	// A PATCH that is answered with an error was executed all the same.
	add(t, engine, faults.Fault{Method: "PATCH", Path: run.GUID, Kind: faults.ErrorAfter, N: 1})
	if err := j.Complete(ctx, run, "check-release", journal.Completion{Verdict: "done"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(run, loaded(t, j)); diff != "" {
		t.Error(diff)
	}
	refused(t, journal.NewLease(journal.On(c), "search-api", brisk, nil).Acquire(t.Context(), who("42")), "https://jenkins.invalid/41")

	if err := j.Retire(ctx, run); err != nil {
		t.Fatal(err)
	}
	if last, err := j.LastRun(t.Context()); err != nil || last.ID != run.ID || loaded(t, j) != nil {
		t.Errorf("the last run is %+v, %v", last, err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if held, err := lease.Peek(t.Context()); err != nil || held != nil {
		t.Errorf("after its release: %v, %v", held, err)
	}
}

func TestAHeartbeatThatArrivesAfterATakeoverIsHarmlessOnTheSandbox(t *testing.T) {
	c, engine := rehearsal(t)
	first := journal.NewLease(journal.On(c), "search-api", brisk, nil)
	take(t, first, "41")
	defer first.Abandon()
	held := add(t, engine, faults.Fault{Method: "PATCH", Path: "^/v3/service_instances/", Kind: faults.Hold, N: 1})
	if _, err := engine.Wait(t.Context(), held, faults.Held); err != nil {
		t.Fatal(err)
	}
	second := journal.NewLease(journal.On(c), "search-api", brisk, nil)
	take(t, second, "42")
	defer second.Abandon()
	if err := engine.Release(t.Context(), held, true, 0); err != nil {
		t.Fatal(err)
	}
	lost := first.Lost()
	refused(t, first.Permit(t.Context()), "was taken over by https://jenkins.invalid/42")
	<-lost
	writes := engine.Count()
	ctx := httpclient.WithPermit(t.Context(), first.Permit)
	if _, err := c.Services.CreateUserProvided(ctx, "too-late", nil, nil); runner.ClassOf(err) != runner.Refused {
		t.Errorf("a write of the first holder: %v", err)
	}
	for _, w := range engine.Writes(writes) {
		if w.Method == "POST" {
			t.Errorf("it was sent: %+v", w)
		}
	}
	if err := second.Permit(t.Context()); err != nil {
		t.Errorf("the second holder may not write: %v", err)
	}
}

// A platform that tells a heartbeat to come back in an hour does not cost the lease: the next heartbeat is not kept waiting.
func TestAHeartbeatThatIsToldToWaitKeepsTheLeaseOnTheSandbox(t *testing.T) {
	c, engine := rehearsal(t)
	var log lines
	first := journal.NewLease(journal.On(c), "search-api", brisk, slog.New(slog.NewTextHandler(&log, nil)))
	take(t, first, "41")
	defer first.Abandon()
	told := add(t, engine, faults.Fault{
		Method: "PATCH", Path: "^/v3/service_instances/", Kind: faults.ErrorBefore, Status: http.StatusTooManyRequests,
		Headers: map[string]string{"Retry-After": "3600"}, N: 1,
	})
	if _, err := engine.Wait(t.Context(), told, faults.Done); err != nil {
		t.Fatal(err)
	}
	refused(t, journal.NewLease(journal.On(c), "search-api", brisk, nil).Acquire(t.Context(), who("42")), "https://jenkins.invalid/41")
	if err := first.Permit(t.Context()); err != nil {
		t.Errorf("the holder may no longer write: %v", err)
	}
	if !strings.Contains(log.String(), "asked to wait 1h0m0s") {
		t.Errorf("nobody was told: %s", log.String())
	}
}

// lines are a log that several goroutines use.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

// A platform that answers the release with an error leaves no lease that the next process would have to outwait.
func TestAReleaseThatIsAnsweredWithAnErrorIsSentAgainOnTheSandbox(t *testing.T) {
	for kind, deletes := range map[string]int{faults.ErrorBefore: 2, faults.ErrorAfter: 1} {
		t.Run(kind, func(t *testing.T) {
			c, engine := rehearsal(t)
			first := journal.NewLease(journal.On(c), "search-api", brisk, nil)
			take(t, first, "41")
			before := engine.Count()
			add(t, engine, faults.Fault{Method: "DELETE", Kind: kind, Status: http.StatusBadGateway, N: 1})
			if err := first.Release(t.Context()); err != nil {
				t.Error(err)
			}
			sent := 0
			for _, w := range engine.Writes(before) {
				if w.Method == http.MethodDelete {
					sent++
				}
			}
			if held, err := first.Peek(t.Context()); held != nil || err != nil || sent != deletes {
				t.Errorf("after %d deletions, want %d, it is held by %v, %v", sent, deletes, held, err)
			}
		})
	}
}
