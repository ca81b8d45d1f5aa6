package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

const renameNewAppHelp = `Gives the new app the name that the releases know: from here on a release replaces it like any other. It goes on serving meanwhile; routes lead to an app, and not to its name.

By hand: cf rename elasticsearch-migration search-api.`

// renameNewApp gives green its final name. Green is known by the run's label. To
// undo it by hand: cf rename search-api elasticsearch-migration.
type renameNewApp struct{ *Site }

func (r *renameNewApp) Check() []runner.Task {
	return append(r.settled(), r.waitsFor(stageRenameOldApp, "the old app has that name", free(r.Settings.LiveApp, r.appNamed, func(ctx context.Context) (string, error) {
		app, err := r.needGreen(ctx)
		if err != nil {
			return "", err
		}
		return app.GUID, nil
	})))
}

func (r *renameNewApp) Plan(ctx context.Context) ([]runner.Task, error) {
	app, err := r.needGreen(ctx)
	if err != nil || app.Name == r.Settings.LiveApp {
		return nil, err
	}
	return []runner.Task{r.renameApp(app, r.Settings.LiveApp)}, nil
}

func (r *renameNewApp) Verify() []runner.Task {
	return append(r.ordinary(toGreen), runner.Task{Name: "the new app has its final name", Do: func(ctx context.Context, o *runner.Observation) error {
		app, err := r.needGreen(ctx)
		if err != nil {
			return err
		}
		if app.Name != r.Settings.LiveApp {
			return fmt.Errorf("it is %s", app.Name)
		}
		o.Say("%s", app.Name)
		return nil
	}})
}

// Undo gives the name back, so that the old app can have it again. Where another
// app was released in the new one's place, that one has the name, and gets one under
// which it stays.
func (r *renameNewApp) Undo(ctx context.Context) ([]runner.Task, error) {
	var tasks []runner.Task
	released, err := r.theirs(ctx)
	if err != nil {
		return nil, err
	}
	if released != nil && released.Name != r.Settings.ReleasedApp {
		tasks = append(tasks, r.renameApp(released, r.Settings.ReleasedApp))
	}
	app, err := r.findGreen(ctx)
	if err != nil {
		return nil, err
	}
	if app != nil && app.Name != r.Settings.NewApp {
		tasks = append(tasks, r.renameApp(app, r.Settings.NewApp))
	}
	return tasks, nil
}
