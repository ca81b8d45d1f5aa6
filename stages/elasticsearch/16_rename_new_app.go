package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const renameNewAppHelp = `Gives green the name that the releases know: from here on a release replaces it like any other. It goes on serving meanwhile; routes lead to an app, and not to its name.

By hand: cf rename elasticsearch-migration search-api.`

// renameNewApp gives green its final name. To undo it by hand: cf rename search-api
// elasticsearch-migration.
type renameNewApp struct {
	checks  *upgrade.Checks
	pair    *upgrade.Pair
	names   *names.Names
	release *release.Release
	liveApp string
}

func newRenameNewApp(s *Site) runner.Stage {
	return &renameNewApp{checks: s.checks, pair: s.live.Pair, names: s.renamer, release: s.release, liveApp: s.names.LiveApp}
}

func (r *renameNewApp) Check() []runner.Task {
	free := names.Free(r.liveApp, r.names.App, func(ctx context.Context) (string, error) {
		app, err := r.pair.NeedGreen(ctx)
		if err != nil {
			return "", err
		}
		return app.GUID, nil
	})
	free.After = r.pair.Run.NotYet(upgrade.BlueRenamed, "blue has that name")
	return append(r.checks.GreenServes(), free)
}

func (r *renameNewApp) Plan(ctx context.Context) ([]runner.Task, error) {
	app, err := r.pair.NeedGreen(ctx)
	if err != nil || app.Name == r.liveApp {
		return nil, err
	}
	return []runner.Task{r.names.RenameApp(app, r.liveApp)}, nil
}

func (r *renameNewApp) Verify() []runner.Task {
	return append(r.checks.Common(upgrade.ToGreen), runner.Task{Name: "green has its final name", Do: func(ctx context.Context, o *runner.Observation) error {
		app, err := r.pair.NeedGreen(ctx)
		if err != nil {
			return err
		}
		if app.Name != r.liveApp {
			return fmt.Errorf("it is called %s", app.Name)
		}
		o.Say("%s", app.Name)
		return nil
	}})
}

// Undo gives the name back, so that blue can have it again. An app that was released in
// green's place has the name, and gets one under which it stays.
func (r *renameNewApp) Undo(ctx context.Context) ([]runner.Task, error) {
	tasks, err := r.release.RenamedAway(ctx, r.names.RenameApp)
	if err != nil {
		return nil, err
	}
	app, err := r.pair.Green(ctx)
	if err != nil {
		return nil, err
	}
	if app != nil && app.Name != r.pair.NewApp {
		tasks = append(tasks, r.names.RenameApp(app, r.pair.NewApp))
	}
	return tasks, nil
}
