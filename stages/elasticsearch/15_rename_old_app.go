package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

const renameOldAppHelp = `Gives the replaced app its old name, so that the new one can take the name that the releases know. A name is nothing but a name: the app goes on running as it is, off the live routes, and is the way back.

By hand: cf rename search-api search-api-old.`

// renameOldApp makes room for green's final name. To undo it by hand:
// cf rename search-api-old search-api.
type renameOldApp struct{ *Site }

func (r *renameOldApp) Check() []runner.Task {
	return append(r.settled(), free(r.Settings.OldApp, r.appNamed, func(context.Context) (string, error) {
		b, err := r.recorded()
		return b.App, err
	}))
}

func (r *renameOldApp) Plan(ctx context.Context) ([]runner.Task, error) {
	b, app, _, err := r.needBlue(ctx)
	if err != nil || app.Name == r.Settings.OldApp {
		return nil, err
	}
	if app.Name != b.Name {
		return nil, runner.Refuse("app %s was %s when the run began: somebody renamed it; cf rename %s %s", app.Name, b.Name, app.Name, b.Name)
	}
	return []runner.Task{r.renameApp(app, r.Settings.OldApp)}, nil
}

func (r *renameOldApp) Verify() []runner.Task {
	return []runner.Task{{Name: "the old app has its new name", Do: func(ctx context.Context, o *runner.Observation) error {
		_, app, _, err := r.needBlue(ctx)
		if err != nil {
			return err
		}
		if app.Name != r.Settings.OldApp {
			return fmt.Errorf("it is %s", app.Name)
		}
		o.Say("%s, %s", app.Name, app.State)
		return nil
	}}}
}

// Undo gives the name back.
func (r *renameOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	b, err := r.recorded()
	if err != nil {
		return nil, err
	}
	app, err := r.oldAppBack(ctx, b)
	if err != nil || app == nil || app.Name == b.Name {
		return nil, err
	}
	return []runner.Task{r.renameApp(app, b.Name)}, nil
}
