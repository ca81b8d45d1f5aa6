package proof

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Probes are the second, passive proof that blue and green both serve: requests with a
// User-Agent of their own, found in what the routers logged for each app (gorouter:
// accesslog).
type Probes struct {
	Pair *upgrade.Pair
	// Client opens a connection for each request, and has no User-Agent of its own.
	Client *http.Client
	// Address is the URL that is asked.
	Address string
	// Routers is how many the platform has; Timeout is how late a log may be.
	Routers int
	Timeout time.Duration

	agent string
}

// Tasks send the probes. There must be a green.
func (p *Probes) Tasks(ctx context.Context) ([]runner.Task, error) {
	if _, err := p.Pair.NeedGreen(ctx); err != nil {
		return nil, err
	}
	return []runner.Task{{Name: "send probes to the live host", Do: p.send}}, nil
}

// send asks often enough that each router, which takes the apps' instances in turn,
// sends some to both.
func (p *Probes) send(ctx context.Context, o *runner.Observation) error {
	p.agent = fmt.Sprintf("cutover-probe-%s-%d", p.Pair.Run.ID(), p.Pair.Platform.Space.Now().UnixNano())
	n := 4 * Requests(p.Routers)
	for i := range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Address, nil)
		if err != nil {
			return err
		}
		req.Header.Set("User-Agent", p.agent)
		resp, err := p.Client.Do(req)
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

// Logged are the postconditions: each app's log has some of the probes that Tasks sent.
func (p *Probes) Logged() []runner.Task {
	return []runner.Task{
		{Name: "blue's log has the probes", Wait: p.Timeout, Do: func(ctx context.Context, o *runner.Observation) error {
			b, err := p.Pair.Run.Blue()
			if err != nil {
				return err
			}
			return p.logged(ctx, o, b.App, b.Name)
		}},
		{Name: "green's log has the probes", Wait: p.Timeout, Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := p.Pair.NeedGreen(ctx)
			if err != nil {
				return err
			}
			return p.logged(ctx, o, app.GUID, app.Name)
		}},
	}
}

// logged counts the probes among an app's router lines. The log may be late and may
// lose lines, so one is enough; how many there are is reported.
func (p *Probes) logged(ctx context.Context, o *runner.Observation, app, name string) error {
	lines, err := p.Pair.Platform.Apps.RecentLogs(ctx, app, 1000)
	if err != nil {
		return err
	}
	n := 0
	for _, line := range lines {
		if line.Source == "RTR" && strings.Contains(line.Text, p.agent) {
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
