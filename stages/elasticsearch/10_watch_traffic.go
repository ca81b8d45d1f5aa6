package elasticsearch

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

const watchTrafficHelp = `Sends probes with a User-Agent of their own to the live host, over fresh connections, and finds them in both apps' logs, as the routers wrote them (RTR lines): proof that both take live traffic. Writes nothing to the platform; runs again each time.

By hand: cf logs search-api --recent | grep RTR; cf logs elasticsearch-migration --recent | grep RTR.`

// watchTraffic is the second, passive proof that both apps serve: what the routers
// logged for each (gorouter: accesslog). It needs no undo.
type watchTraffic struct {
	checks   *upgrade.Checks
	pair     *upgrade.Pair
	platform *cloudfoundry.Client
	// client opens a connection for each request, and has no User-Agent of ours.
	client  *http.Client
	address string
	routers int
	timeout time.Duration
	probe   string
}

func newWatchTraffic(s *Site) runner.Stage {
	return &watchTraffic{
		checks: s.checks, pair: s.live.Pair, platform: s.platform, client: s.clients.probes,
		address: s.Settings.RouteScheme + "://" + s.names.LiveRoute + statusPath, routers: s.Settings.Routers, timeout: s.Settings.RouteTimeout,
	}
}

func (w *watchTraffic) Check() []runner.Task { return w.checks.Common(upgrade.ToBoth) }

func (w *watchTraffic) Plan(ctx context.Context) ([]runner.Task, error) {
	if _, err := w.pair.NeedGreen(ctx); err != nil {
		return nil, err
	}
	return []runner.Task{{Name: "send probes to the live host", Do: w.send}}, nil
}

// send asks often enough that each router, which takes the apps' instances in turn,
// sends some to both.
func (w *watchTraffic) send(ctx context.Context, o *runner.Observation) error {
	w.probe = fmt.Sprintf("cutover-probe-%s-%d", w.pair.Run.ID(), w.platform.Space.Now().UnixNano())
	n := 4 * proof.Requests(w.routers)
	for i := range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.address, nil)
		if err != nil {
			return err
		}
		req.Header.Set("User-Agent", w.probe)
		resp, err := w.client.Do(req)
		if err != nil {
			return fmt.Errorf("probe %d of %d: %w", i+1, n, err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("probe %d of %d was answered %d", i+1, n, resp.StatusCode)
		}
	}
	o.Say("%s, over fresh connections", runner.Count(n, "probe", "probes"))
	o.Set("probes", n)
	return nil
}

func (w *watchTraffic) Verify() []runner.Task {
	return []runner.Task{
		{Name: "blue's log has the probes", Wait: w.timeout, Do: func(ctx context.Context, o *runner.Observation) error {
			b, err := w.pair.Run.Blue()
			if err != nil {
				return err
			}
			return w.logged(ctx, o, b.App, b.Name)
		}},
		{Name: "green's log has the probes", Wait: w.timeout, Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := w.pair.NeedGreen(ctx)
			if err != nil {
				return err
			}
			return w.logged(ctx, o, app.GUID, app.Name)
		}},
	}
}

// logged counts the probes among an app's router lines. The log may be late and may
// lose lines, so one is enough; how many there are is reported.
func (w *watchTraffic) logged(ctx context.Context, o *runner.Observation, app, name string) error {
	lines, err := w.platform.Apps.RecentLogs(ctx, app, 1000)
	if err != nil {
		return err
	}
	n := 0
	for _, line := range lines {
		if line.Source == "RTR" && strings.Contains(line.Text, w.probe) {
			n++
		}
	}
	o.Say("%s in the log of %s", runner.Count(n, "probe", "probes"), name)
	o.Set("probes answered by "+name, n)
	if n == 0 {
		return fmt.Errorf("no probe is in the log of %s", name)
	}
	return nil
}

func (w *watchTraffic) Undo(context.Context) ([]runner.Task, error) { return nil, nil }
