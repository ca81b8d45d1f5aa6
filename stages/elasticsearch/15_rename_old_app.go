package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const renameOldAppHelp = `Gives blue its old name, so that green can take the name that the releases know. A name is nothing but a name: the app goes on running as it is, off the live routes, for a quick rollback.

By hand: cf rename search-api search-api-old.`

// renameOldApp makes room for green's final name. To undo it by hand:
// cf rename search-api-old search-api.
type renameOldApp struct {
	checks *upgrade.Checks
	pair   *upgrade.Pair
	names  *names.Names
}

func newRenameOldApp(s *Site) runner.Stage {
	return &renameOldApp{checks: s.checks, pair: s.live.Pair, names: s.renamer}
}

func (r *renameOldApp) Check() []runner.Task {
	return append(r.checks.GreenServes(), names.Free(r.pair.OldApp, r.names.App, func(context.Context) (string, error) {
		b, err := r.pair.Run.Blue()
		return b.App, err
	}))
}

func (r *renameOldApp) Plan(ctx context.Context) ([]runner.Task, error) {
	b, app, err := r.pair.NeedBlue(ctx)
	if err != nil || app.Name == r.pair.OldApp {
		return nil, err
	}
	if app.Name != b.Name {
		return nil, runner.Refuse("app %s was %s when the run began: somebody renamed it; cf rename %s %s", app.Name, b.Name, app.Name, b.Name)
	}
	return []runner.Task{r.names.RenameApp(app, r.pair.OldApp)}, nil
}

func (r *renameOldApp) Verify() []runner.Task {
	return []runner.Task{{Name: "blue has its old name", Do: func(ctx context.Context, o *runner.Observation) error {
		_, app, err := r.pair.NeedBlue(ctx)
		if err != nil {
			return err
		}
		if app.Name != r.pair.OldApp {
			return fmt.Errorf("it is called %s", app.Name)
		}
		o.Say("%s, %s", app.Name, app.State)
		return nil
	}}}
}

func (r *renameOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	b, app, err := r.pair.BlueForRollback(ctx)
	if err != nil || app == nil || app.Name == b.Name {
		return nil, err
	}
	return []runner.Task{r.names.RenameApp(app, b.Name)}, nil
}
