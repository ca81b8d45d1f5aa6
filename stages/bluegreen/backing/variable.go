package backing

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// FactVariable is the fact of the run that holds blue's variable as it was before the
// run changed it.
const FactVariable = "variable"

// Variable keeps the variable that tells an app its service's name in line with that
// name. An app looks for its service by name only when it starts, so nothing that runs
// notices; but blue must be able to start again. A binding with a name of its own
// needs no change: that name never changes.
type Variable struct {
	Services *Services
	Names    *names.Names
}

// Value is a variable of an app.
type Value struct {
	Name string `json:"name"`
	// Value is nil where it is not set.
	Value *string `json:"value"`
}

// String is the value for people.
func (v Value) String() string {
	if v.Value == nil {
		return "not set"
	}
	return *v.Value
}

func (v *Variable) name() string { return v.Services.Of.ServiceVariable }

// PointBlueTo sets blue's variable to the name that its service has, or is about to
// get, and first records what it was when the run began. No tasks where it has that
// value, or the binding has a name of its own.
func (v *Variable) PointBlueTo(ctx context.Context, b upgrade.Blue, app *cloudfoundry.App, service string) ([]runner.Task, error) {
	if b.BindingName != "" {
		return nil, nil
	}
	env, err := v.Services.platform().Apps.Environment(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	now, set := env.User[v.name()]
	if set && now == service {
		return nil, nil
	}
	was := Value{Name: v.name()}
	if set {
		was.Value = &now
	}
	var tasks []runner.Task
	if v.Services.run().Fact(FactVariable) == "" {
		tasks = append(tasks, v.record(app, was))
	}
	return append(tasks, v.set(app, Value{was.Name, &service})), nil
}

func (v *Variable) record(app *cloudfoundry.App, was Value) runner.Task {
	return runner.Task{
		Effect: runner.Creates, Name: "record what " + was.Name + " of " + app.Name + " was",
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s", was)
			return v.Services.run().Set(ctx, FactVariable, was)
		},
	}
}

func (v *Variable) set(app *cloudfoundry.App, to Value) runner.Task {
	name := v.Names.Of(app.GUID, app.Name)
	byHand := "cf unset-env " + name + " " + to.Name
	if to.Value != nil {
		byHand = "cf set-env " + name + " " + to.Name + " " + *to.Value
	}
	return runner.Task{
		Effect: runner.Changes, Name: "set " + to.Name + " of " + name, ByHand: byHand,
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s, from its next start on", to)
			return v.Services.platform().Apps.SetEnvironment(ctx, app.GUID, map[string]*string{to.Name: to.Value})
		},
	}
}

// Recorded is blue's variable as it was when the run began; nil where the run has not
// changed it.
func Recorded(run *upgrade.Run) (*Value, error) {
	if run.Fact(FactVariable) == "" {
		return nil, nil
	}
	var was Value
	return &was, run.Decode(FactVariable, &was)
}

// Restore sets blue's variable back to what it was when the run began, and then
// removes the record of that. No tasks where the run has not changed it.
func (v *Variable) Restore(ctx context.Context) ([]runner.Task, error) {
	was, err := Recorded(v.Services.run())
	if err != nil || was == nil {
		return nil, err
	}
	_, app, err := v.Services.pair().BlueForRollback(ctx)
	if err != nil {
		return nil, err
	}
	var tasks []runner.Task
	if app != nil {
		tasks = append(tasks, v.set(app, *was))
	}
	return append(tasks, runner.Task{
		Effect: runner.Changes, Name: "remove the record of what " + was.Name + " was",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			return v.Services.run().Unset(ctx, FactVariable)
		},
	}), nil
}

// pointReleasedTo sets the variable of a released app to the name under which a
// rollback leaves it the service. Nothing is recorded: the app keeps that name.
func (v *Variable) pointReleasedTo(ctx context.Context, app *cloudfoundry.App, instance *cloudfoundry.ServiceInstance, name string) ([]runner.Task, error) {
	env, err := v.Services.platform().Apps.Environment(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	var tasks []runner.Task
	for _, bound := range env.Services {
		now, set := env.User[v.name()]
		if bound.InstanceGUID == instance.GUID && bound.BindingName == "" && (!set || now != name) {
			tasks = append(tasks, v.set(app, Value{v.name(), &name}))
		}
	}
	return tasks, nil
}

// Finds checks that an app, started now, would find a service: one of its
// VCAP_SERVICES has the name that its variable has. app and service are GUIDs. It
// returns the name by which the app sees the service.
func (v *Variable) Finds(ctx context.Context, app, service string) (name string, err error) {
	env, err := v.Services.platform().Apps.Environment(ctx, app)
	if err != nil {
		return "", err
	}
	want, set := env.User[v.name()]
	for _, bound := range env.Services {
		if bound.InstanceGUID != service {
			continue
		}
		if set && bound.Name != want {
			return "", runner.Final(fmt.Errorf("its %s is %s, but it sees the service as %s: somebody changed it; cf set-env %s %s %s",
				v.name(), want, bound.Name, v.appName(ctx, app), v.name(), bound.Name))
		}
		return bound.Name, nil
	}
	return "", runner.Final(fmt.Errorf("it is not bound to the service"))
}

// appName is an app's present name; its GUID where that cannot be read.
func (v *Variable) appName(ctx context.Context, guid string) string {
	if app, err := v.Services.platform().Apps.Get(ctx, guid); err == nil {
		return app.Name
	}
	return guid
}
