package elasticsearch

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

const watchTrafficHelp = `Sends probes with a User-Agent of their own to the live host, over fresh connections, and finds them in both apps' logs, as the routers wrote them (RTR lines). So both are seen to take live traffic. Writes nothing to the platform; acts anew each time.

By hand: cf logs search-api --recent | grep RTR; cf logs elasticsearch-migration --recent | grep RTR.`

// watchTraffic is the second, passive proof that both serve: what the routers
// logged for each app (gorouter: accesslog). It needs no undo.
type watchTraffic struct {
	*Site
	probe string
}

func (w *watchTraffic) Check() []runner.Task { return w.ordinary(toBoth) }

func (w *watchTraffic) Plan(ctx context.Context) ([]runner.Task, error) {
	if _, err := w.needGreen(ctx); err != nil {
		return nil, err
	}
	return []runner.Task{{Name: "send probes to the live host", Do: w.send}}, nil
}

// send asks often enough that each router, which takes the apps' instances in
// turn, sends some to both.
func (w *watchTraffic) send(ctx context.Context, o *runner.Observation) error {
	w.probe = fmt.Sprintf("cutover-probe-%s-%d", w.run.ID, w.cf.Now().UnixNano())
	n := 4 * confirmations(w.Settings.Routers)
	for i := range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Settings.RouteScheme+"://"+w.Settings.LiveRoute+"/_status?ignore-dependencies", nil)
		if err != nil {
			return err
		}
		resp, err := w.probes.Do(named(req, w.probe))
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

func named(req *http.Request, agent string) *http.Request {
	req.Header.Set("User-Agent", agent)
	return req
}

func (w *watchTraffic) Verify() []runner.Task {
	return []runner.Task{
		{Name: "the old app's log shows the probes", Wait: w.Settings.RouteTimeout, Do: func(ctx context.Context, o *runner.Observation) error {
			b, err := w.recorded()
			if err != nil {
				return err
			}
			return w.seen(ctx, o, b.App, b.Name)
		}},
		{Name: "the new app's log shows the probes", Wait: w.Settings.RouteTimeout, Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := w.needGreen(ctx)
			if err != nil {
				return err
			}
			return w.seen(ctx, o, app.GUID, app.Name)
		}},
	}
}

// seen counts the probes among an app's router lines. The log may be late and
// may lose lines, so one is enough; how many there are is told.
func (w *watchTraffic) seen(ctx context.Context, o *runner.Observation, app, name string) error {
	lines, err := w.cf.RecentLogs(ctx, app, 1000)
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
