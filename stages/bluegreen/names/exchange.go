package names

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Exchange gives blue its old name, so that green can take the live app's, the one
// that releases know. Routes lead to an app and not to its name: nothing that serves
// notices.
type Exchange struct {
	Pair  *upgrade.Pair
	Names *Names
	// LiveApp is the name that green takes.
	LiveApp string
}

// OldNameIsFree checks that blue can have its old name.
func (e *Exchange) OldNameIsFree() runner.Task {
	return Free(e.Pair.OldApp, e.Names.App, func(context.Context) (string, error) {
		b, err := e.Pair.Run.Blue()
		return b.App, err
	})
}

// LiveNameIsFree checks that green can have the live app's name, once blue is renamed.
func (e *Exchange) LiveNameIsFree() runner.Task {
	free := Free(e.LiveApp, e.Names.App, func(ctx context.Context) (string, error) {
		app, err := e.Pair.NeedGreen(ctx)
		if err != nil {
			return "", err
		}
		return app.GUID, nil
	})
	free.After = e.Pair.Run.NotYet(upgrade.BlueRenamed, "blue has that name")
	return free
}

// RenameBlue are the tasks that give blue its old name; none where it has it, or is
// deleted: green serves alone by now, a release that began too early deletes the app
// that has the live app's name, and there is none to make room then. One that somebody
// renamed is refused.
func (e *Exchange) RenameBlue(ctx context.Context) ([]runner.Task, error) {
	b, app, err := e.Pair.Blue(ctx)
	if err != nil || app == nil || app.Name == e.Pair.OldApp {
		return nil, err
	}
	if app.Name != b.Name {
		return nil, runner.Refuse("app %s was %s when the run began: somebody renamed it; cf rename %s %s", app.Name, b.Name, app.Name, b.Name)
	}
	return []runner.Task{e.Names.RenameApp(app, e.Pair.OldApp)}, nil
}

// RenameGreen are the tasks that give green the live app's name; none where it has it.
func (e *Exchange) RenameGreen(ctx context.Context) ([]runner.Task, error) {
	app, err := e.Pair.NeedGreen(ctx)
	if err != nil || app.Name == e.LiveApp {
		return nil, err
	}
	return []runner.Task{e.Names.RenameApp(app, e.LiveApp)}, nil
}

// BlueRenamed is the postcondition that blue has its old name, unless it is deleted.
func (e *Exchange) BlueRenamed() runner.Task {
	return called("blue has its old name", e.Pair.OldApp, func(ctx context.Context) (*cloudfoundry.App, error) {
		_, app, err := e.Pair.Blue(ctx)
		return app, err
	})
}

// GreenRenamed is the postcondition that green has the live app's name.
func (e *Exchange) GreenRenamed() runner.Task {
	return called("green has its final name", e.LiveApp, e.Pair.NeedGreen)
}

func called(task, name string, find func(context.Context) (*cloudfoundry.App, error)) runner.Task {
	return runner.Task{Name: task, Do: func(ctx context.Context, o *runner.Observation) error {
		app, err := find(ctx)
		if err != nil {
			return err
		}
		if app == nil {
			o.Say("somebody deleted it: nothing has to be renamed")
			return nil
		}
		if app.Name != name {
			return fmt.Errorf("it is called %s", app.Name)
		}
		o.Say("%s, %s", app.Name, app.State)
		return nil
	}}
}

// UndoBlue gives blue the name back that it had when the run began.
func (e *Exchange) UndoBlue(ctx context.Context) ([]runner.Task, error) {
	b, app, err := e.Pair.BlueForRollback(ctx)
	if err != nil || app == nil || app.Name == b.Name {
		return nil, err
	}
	return []runner.Task{e.Names.RenameApp(app, b.Name)}, nil
}

// UndoGreen gives green the name that it was made with.
func (e *Exchange) UndoGreen(ctx context.Context) ([]runner.Task, error) {
	app, err := e.Pair.Green(ctx)
	if err != nil || app == nil || app.Name == e.Pair.NewApp {
		return nil, err
	}
	return []runner.Task{e.Names.RenameApp(app, e.Pair.NewApp)}, nil
}
