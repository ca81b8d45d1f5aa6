package backing

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Renaming gives the services their names: blue's its old one, so that green's can
// take the one that releases know. Tags, parameters and plan are not touched.
type Renaming struct {
	Variable *Variable
}

func (r *Renaming) services() *Services { return r.Variable.Services }

// Blue gives blue's service its old name. The order is: record the variable, set it,
// rename; a process killed anywhere in between leaves a blue that the next one can put
// right. A service that somebody renamed is refused.
func (r *Renaming) Blue(ctx context.Context, b upgrade.Blue, app *cloudfoundry.App, instance *cloudfoundry.ServiceInstance) ([]runner.Task, error) {
	name := r.services().Of.OldService
	if instance.Name != b.ServiceName && instance.Name != name {
		return nil, runner.Refuse("service %s was %s when the run began: somebody renamed it; cf rename-service %s %s", instance.Name, b.ServiceName, instance.Name, b.ServiceName)
	}
	tasks, err := r.Variable.PointBlueTo(ctx, b, app, name)
	if err != nil {
		return nil, err
	}
	if instance.Name != name {
		tasks = append(tasks, r.Variable.Names.RenameService(instance, name))
	}
	return tasks, nil
}

// UndoBlue gives blue's service the name back, and then blue's variable its value.
func (r *Renaming) UndoBlue(ctx context.Context) ([]runner.Task, error) {
	b, instance, err := r.services().Blue(ctx)
	if err != nil {
		return nil, err
	}
	var tasks []runner.Task
	if instance != nil && instance.Name != b.ServiceName {
		tasks = append(tasks, r.Variable.Names.RenameService(instance, b.ServiceName))
	}
	restore, err := r.Variable.Restore(ctx)
	if err != nil {
		return nil, err
	}
	return append(tasks, restore...), nil
}

// New gives green's service the final name. Green does not notice, not even at a
// restart: its binding has had that name from the beginning.
func (r *Renaming) New(ctx context.Context) (*cloudfoundry.ServiceInstance, []runner.Task, error) {
	instance, err := r.services().FindNew(ctx)
	if err != nil {
		return nil, nil, err
	}
	if instance == nil {
		return nil, nil, r.services().noNew()
	}
	if instance.Name == r.services().Of.Service {
		return instance, nil, nil
	}
	return instance, []runner.Task{r.Variable.Names.RenameService(instance, r.services().Of.Service)}, nil
}

// UndoNew gives green's service its first name back, so that blue's can have the
// final one again. Where a released app uses it, that app's variable is changed first,
// so that the app can be started again, and the service gets the name under which it
// stays. Irreversible while an app is on the live routes that may use it.
func (r *Renaming) UndoNew(ctx context.Context) ([]runner.Task, error) {
	s := r.services()
	instance, err := s.FindNew(ctx)
	if err != nil || instance == nil {
		return nil, err
	}
	user, err := s.UsedByRelease(ctx, instance)
	if err != nil || user == nil && instance.Name == s.Of.NewService {
		return nil, err
	}
	b, err := s.run().Blue()
	if err != nil {
		return nil, err
	}
	stranger, err := s.Live.Stranger(ctx, b)
	if err != nil {
		return nil, err
	}
	if stranger != nil {
		return nil, &runner.Irreversible{Why: "the live routes lead to " + stranger.String() + ", which was released since and uses green's service: status says how to unmap it"}
	}
	if user == nil {
		return []runner.Task{r.Variable.Names.RenameService(instance, s.Of.NewService)}, nil
	}
	return r.leaveTo(ctx, user, instance)
}

// leaveTo gives green's service the name under which it stays with the released app.
func (r *Renaming) leaveTo(ctx context.Context, user *cloudfoundry.App, instance *cloudfoundry.ServiceInstance) ([]runner.Task, error) {
	name := r.services().Of.ReleasedService
	tasks, err := r.Variable.pointReleasedTo(ctx, user, instance, name)
	if err != nil {
		return nil, err
	}
	if instance.Name != name {
		tasks = append(tasks, r.Variable.Names.RenameService(instance, name))
	}
	return tasks, nil
}

// Renamed checks that a service has a name, and the tags that it had before.
func Renamed(o *runner.Observation, instance *cloudfoundry.ServiceInstance, name string, tags []string) error {
	if instance.Name != name {
		return fmt.Errorf("it is %s", instance.Name)
	}
	if !slices.Equal(instance.Tags, tags) {
		return runner.Final(fmt.Errorf("its tags are %q, and were %q", instance.Tags, tags))
	}
	o.Say("%s, tags %q", instance.Name, strings.Join(instance.Tags, ", "))
	return nil
}

// BlueFinds checks that blue, started again, finds its service.
func (r *Renaming) BlueFinds(ctx context.Context, o *runner.Observation) error {
	b, app, _, err := r.services().NeedBlue(ctx)
	if err != nil {
		return err
	}
	name, err := r.Variable.Finds(ctx, b.App, b.Service)
	o.Say("%s, as %s", app.Name, name)
	return err
}

// GreenFinds checks that green, started again, finds its service.
func (r *Renaming) GreenFinds(ctx context.Context, o *runner.Observation) error {
	app, err := r.services().pair().NeedGreen(ctx)
	if err != nil {
		return err
	}
	instance, err := r.services().New(ctx)
	if err != nil {
		return err
	}
	name, err := r.Variable.Finds(ctx, app.GUID, instance.GUID)
	o.Say("%s, as %s", app.Name, name)
	return err
}
