package release

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Undo records which app was released, if one was: by that record a rollback finds it
// once it is off the live routes, and takes its names from it. While a release is
// under way, or where a name that it would get is another's, there is no rollback.
func (r *Release) Undo(ctx context.Context) ([]runner.Task, error) {
	app, err := r.Live.ReleasedApp(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	b, err := r.run().Blue()
	if err != nil {
		return nil, err
	}
	stranger, err := r.Live.Stranger(ctx, b)
	if err != nil {
		return nil, err
	}
	if stranger != nil {
		return nil, &runner.Irreversible{Why: "the live routes lead to " + stranger.String() + " as well: a release is under way, or stopped half-way; roll back when it has ended"}
	}
	if err := r.namesAreFree(ctx, app.GUID); err != nil {
		return nil, err
	}
	return r.Record(ctx)
}

// namesAreFree checks that the names that a rollback gives to the released app and
// its service are nobody else's.
func (r *Release) namesAreFree(ctx context.Context, app string) error {
	named, err := r.platform().Apps.ByName(ctx, r.Names.ReleasedApp)
	if err != nil {
		return err
	}
	if named != nil && named.GUID != app {
		return &runner.Irreversible{Why: "the released app would get the name " + r.Names.ReleasedApp + ", and another app has it: rename or remove that first"}
	}
	if r.NewService == nil {
		return nil
	}
	taken, err := r.platform().Services.ServiceInstanceByName(ctx, r.Names.ReleasedService)
	if err != nil || taken == nil || r.run().Owns(taken.Metadata) {
		return err
	}
	// A rollback that was killed in its last moments has removed our label from it.
	bindings, err := r.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{App: app, Instance: taken.GUID})
	if err != nil {
		return err
	}
	if len(bindings) == 0 {
		return &runner.Irreversible{Why: "the service of the released app would get the name " + r.Names.ReleasedService + ", and another service has it: rename or remove that first"}
	}
	return nil
}

// RenamedAway is the task list that gives the released app, which has the live app's
// name, the one under which it stays after a rollback.
func (r *Release) RenamedAway(ctx context.Context, rename func(*cloudfoundry.App, string) runner.Task) ([]runner.Task, error) {
	app, err := r.Live.ReleasedApp(ctx)
	if err != nil || app == nil || app.Name == r.Names.ReleasedApp {
		return nil, err
	}
	return []runner.Task{rename(app, r.Names.ReleasedApp)}, nil
}
