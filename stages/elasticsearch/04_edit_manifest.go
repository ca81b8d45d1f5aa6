package elasticsearch

import (
	"context"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const editManifestHelp = `Makes green's manifest from blue's: another name, the temporary route, the new service in place of the old one and bound under the old one's name, and the variable that tells the app that name. All else stays. Shows the difference, without the values of variables, and writes the file for eyes only (0600).

Refuses where something cannot be copied: parameters of a binding that the platform does not show.`

// editManifest shows what green will be made of. To undo it: remove the file.
type editManifest struct {
	checks   *upgrade.Checks
	platform *cloudfoundry.Client
	run      *upgrade.Run
	green    *clone.Green
}

func newEditManifest(s *Site) runner.Stage {
	return &editManifest{checks: s.checks, platform: s.platform, run: s.run, green: s.green}
}

func (e *editManifest) Check() []runner.Task {
	return append(e.checks.Common(upgrade.ToBlue), e.green.Copyable(),
		runner.Task{Name: "the route services of the live routes, for the record", Do: e.guards})
}

// guards names the route services that the temporary route will not have: until the
// end it is more open than the live routes.
func (e *editManifest) guards(ctx context.Context, o *runner.Observation) error {
	b, err := e.run.Blue()
	if err != nil {
		return err
	}
	var guarded []string
	for _, route := range b.Routes {
		service, err := e.platform.Routes.ServiceOf(ctx, route.GUID)
		if err != nil {
			return err
		}
		if service != nil {
			guarded = append(guarded, route.Address)
		}
	}
	if len(guarded) == 0 {
		o.Say("no route service on the live routes")
		return nil
	}
	o.Say("a route service guards %s; the temporary route %s will have none and is more open", strings.Join(guarded, ", "), e.green.TemporaryRoute)
	return nil
}

func (e *editManifest) Plan(ctx context.Context) ([]runner.Task, error) {
	from, err := e.green.Source.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	to, _, err := e.green.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	text, err := to.Bytes()
	if err != nil || e.green.File().Holds(text) {
		return nil, err
	}
	diff, err := e.green.Diff(from, to)
	if err != nil {
		return nil, err
	}
	task := e.green.File().Write("write green's manifest", text, diff)
	task.Shows = diff
	return []runner.Task{task}, nil
}

func (e *editManifest) Verify() []runner.Task { return []runner.Task{e.green.File().Written()} }

func (e *editManifest) Undo(context.Context) ([]runner.Task, error) {
	return e.green.File().Remove(), nil
}
