package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const pushAppHelp = `Makes green from its manifest and starts it: the app and its temporary route (with the run's label from their first moment), the bindings, the manifest, a docker package of the release's image, its droplet. Waits until all instances run and are routable and the app answers on its temporary route. A crash shows the app's last log lines.

By hand: cf push -f manifests/elasticsearch-migration.yml.`

// pushApp makes green. Each piece is looked for before it is made, so that it goes on
// wherever an earlier process was stopped. To undo it by hand: cf delete
// elasticsearch-migration -r.
type pushApp struct {
	checks       *upgrade.Checks
	live         *upgrade.Live
	services     *backing.Services
	green        *clone.Green
	apis         *apis
	startTimeout time.Duration
	routeTimeout time.Duration
	// crashes are the reads in a row that found a crashed instance.
	crashes int
}

func newPushApp(s *Site) runner.Stage {
	return &pushApp{
		checks: s.checks, live: s.live, services: s.services, green: s.green, apis: s.apis,
		startTimeout: s.Settings.StartTimeout, routeTimeout: s.Settings.RouteTimeout,
	}
}

func (p *pushApp) Check() []runner.Task {
	return append(p.checks.Common(upgrade.ToBlue), p.services.NewIsReady())
}

func (p *pushApp) Plan(ctx context.Context) ([]runner.Task, error) { return p.green.Tasks(ctx) }

func (p *pushApp) Verify() []runner.Task {
	return []runner.Task{
		{Name: "all instances run and are routable", Wait: p.startTimeout, Do: p.running},
		{Name: "green answers on its temporary route", Wait: p.routeTimeout, Do: p.answers},
	}
}

// running counts the instances. A start that crashes is tried again by the platform;
// one that has crashed at three reads in a row has failed.
func (p *pushApp) running(ctx context.Context, o *runner.Observation) error {
	app, want, err := p.live.ReplacementInstances(ctx)
	if err != nil {
		return err
	}
	ready, instances, err := upgrade.Routable(ctx, p.live.Pair.Platform, app)
	if err != nil {
		return err
	}
	o.Say("%d of %s", ready, runner.Count(want, "instance", "instances"))
	o.Set("routable instances", ready)
	if ready >= want && want > 0 {
		return nil
	}
	var states []string
	crashed := false
	for _, i := range instances {
		crashed = crashed || i.State == "CRASHED"
		states = append(states, strings.TrimSpace(fmt.Sprintf("%d %s %s", i.Index, i.State, i.Details)))
	}
	err = fmt.Errorf("%d of %s run and are routable: %s", ready, runner.Count(want, "instance", "instances"), strings.Join(states, ", "))
	if !crashed {
		p.crashes = 0
		return err
	}
	p.crashes++
	o.Detail(upgrade.LastLines(ctx, p.live.Pair.Platform, app))
	if p.crashed() {
		return runner.Final(err)
	}
	return err
}

func (p *pushApp) crashed() bool { return p.crashes >= 3 }

func (p *pushApp) answers(ctx context.Context, o *runner.Observation) error {
	if p.crashed() {
		return runner.Final(errors.New("not asked: the app crashes"))
	}
	status, err := p.apis.green().Status(ctx)
	if err != nil {
		return err
	}
	o.Say("%s, %s", p.green.TemporaryRoute, runner.Count(len(status.Names()), "index", "indices"))
	return nil
}

func (p *pushApp) Undo(ctx context.Context) ([]runner.Task, error) { return p.green.Undo(ctx) }
