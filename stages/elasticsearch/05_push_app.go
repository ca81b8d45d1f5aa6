package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

const pushAppHelp = `Makes the new app from its manifest and starts it: the app and its temporary route (with the run's label from their first moment), the bindings, the manifest, a docker package of the release's image, its droplet. Waits until all instances run and are routable and the app answers on its temporary route. A crash shows the app's last log lines.

By hand: cf push -f manifests/elasticsearch-migration.yml.`

// pushApp makes green. Each piece is looked for before it is made, so that it
// goes on wherever an earlier process was stopped. To undo it by hand:
// cf delete elasticsearch-migration -r.
type pushApp struct {
	*Site
	crashes int
}

func (p *pushApp) Check() []runner.Task {
	return append(p.ordinary(toBlue), runner.Task{
		Name: "the new service is ready",
		Do: func(ctx context.Context, o *runner.Observation) error {
			instance, err := p.newService(ctx)
			if runner.IsFinal(err) {
				return &runner.NotYet{Stage: stageCreateService, Why: err.Error()}
			}
			if err == nil {
				o.Say("%s", instance.Name)
			}
			return err
		},
	})
}

func (p *pushApp) Plan(ctx context.Context) ([]runner.Task, error) {
	m, services, err := p.greenManifest(ctx)
	if err != nil {
		return nil, err
	}
	app, err := p.findGreen(ctx)
	if err != nil {
		return nil, err
	}
	if app == nil {
		stranger, err := p.cf.AppByName(ctx, p.Settings.NewApp)
		if err != nil {
			return nil, err
		}
		if stranger != nil {
			return nil, p.notOurs("app", stranger.Name, stranger.Metadata)
		}
	}
	b, err := p.recorded()
	if err != nil {
		return nil, err
	}
	policies, err := p.bluePolicies(ctx)
	if err != nil {
		return nil, err
	}
	making := &making{
		Site: p.Site, name: p.Settings.NewApp, role: green, image: p.image(), route: p.Settings.TemporaryRoute,
		manifest: m, typed: "cf push -f " + p.manifestPath(p.Settings.NewApp) + " --no-start", services: services, policies: policies, like: b.App, find: p.findGreen,
	}
	return making.pieces(ctx, app)
}

func (p *pushApp) Verify() []runner.Task {
	return []runner.Task{
		{Name: "all instances run and are routable", Wait: p.Settings.StartTimeout, Do: p.running},
		{Name: "the new app answers on its temporary route", Wait: p.Settings.RouteTimeout, Do: p.answers},
	}
}

// running counts the instances. A start that crashes is tried again by the
// platform; one that has crashed at three looks in a row is taken at its word.
func (p *pushApp) running(ctx context.Context, o *runner.Observation) error {
	app, want, err := p.successorInstances(ctx)
	if err != nil {
		return err
	}
	ready, instances, err := p.routable(ctx, app)
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
	o.Detail(p.lastLines(ctx, app))
	if p.crashed() {
		return runner.Final(err)
	}
	return err
}

func (p *pushApp) crashed() bool { return p.crashes >= 3 }

// lastLines are the app's own last words.
func (s *Site) lastLines(ctx context.Context, app string) string {
	logs, err := s.cf.RecentLogs(ctx, app, 200)
	if err != nil {
		return "the app's log cannot be read: " + err.Error()
	}
	var out []string
	for _, line := range logs {
		if line.Source != "RTR" {
			out = append(out, line.At.UTC().Format("15:04:05 ")+line.Source+" "+line.Text)
		}
	}
	return strings.Join(out[max(0, len(out)-30):], "\n")
}

func (p *pushApp) answers(ctx context.Context, o *runner.Observation) error {
	if p.crashed() {
		return runner.Final(errors.New("not asked: the app crashes"))
	}
	status, err := p.green().Status(ctx)
	if err != nil {
		return err
	}
	o.Say("%s, %s", p.Settings.TemporaryRoute, runner.Count(len(status.Names()), "index", "indices"))
	return nil
}

func (p *pushApp) Undo(ctx context.Context) ([]runner.Task, error) {
	var tasks []runner.Task
	app, err := p.findGreen(ctx)
	if err != nil {
		return nil, err
	}
	if app != nil {
		tasks = append(tasks, p.stopTask(app), p.deleteTask(app))
	}
	route, err := p.cf.RouteByAddress(ctx, p.Settings.TemporaryRoute)
	if err != nil {
		return nil, err
	}
	if route != nil && p.ours(route.Metadata) {
		tasks = append(tasks, p.dropRoute(route))
	}
	return tasks, nil
}
