package elasticsearch

import (
	"context"
	"errors"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const pushAppHelp = `Makes green from its manifest and starts it: the app and its temporary route (with the run's label from their first moment), the bindings, the manifest, a copy of blue's droplet (with RELEASE or IMAGE: a docker package of that image, staged). Waits until all instances run and are routable and the app answers on its temporary route. A crash shows the app's last log lines.

By hand: cf push -f manifests/elasticsearch-migration.yml.`

// pushApp makes green. Each piece is looked for before it is made, so that it goes on
// wherever an earlier process was stopped. To undo it by hand: cf delete
// elasticsearch-migration -r.
type pushApp struct {
	checks       *upgrade.Checks
	services     *backing.Services
	green        *clone.Green
	running      *clone.Running
	apis         *apis
	routeTimeout time.Duration
}

func newPushApp(s *Site) runner.Stage {
	return &pushApp{
		checks: s.checks, services: s.services, green: s.green, apis: s.apis, routeTimeout: s.Settings.RouteTimeout,
		running: &clone.Running{Live: s.live, Timeout: s.Settings.StartTimeout},
	}
}

func (p *pushApp) Check() []runner.Task {
	return append(p.checks.Common(upgrade.ToBlue), p.services.NewIsReady())
}

func (p *pushApp) Plan(ctx context.Context) ([]runner.Task, error) { return p.green.Tasks(ctx) }

func (p *pushApp) Verify() []runner.Task {
	return []runner.Task{
		p.running.AllRun(),
		{Name: "green answers on its temporary route", Wait: p.routeTimeout, Do: p.answers},
	}
}

func (p *pushApp) answers(ctx context.Context, o *runner.Observation) error {
	if p.running.Crashed() {
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
