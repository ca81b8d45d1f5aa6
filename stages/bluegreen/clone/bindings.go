package clone

import (
	"context"
	"encoding/json"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// bindings are made one by one, before the manifest is applied: for those in a manifest
// the platform waits 60 s for a slow broker and then gives up
// (cloud_controller_ng: max_manifest_service_binding_poll_duration_in_seconds).
func (a *App) bindings(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	bound, err := a.bound(ctx, app)
	if err != nil {
		return nil, err
	}
	var tasks []runner.Task
	for _, b := range a.Services {
		guid, err := a.instance(ctx, b)
		if err != nil && app != nil {
			return nil, err
		}
		if guid != "" && bound[guid] {
			continue
		}
		tasks = append(tasks, a.bind(b))
	}
	return tasks, nil
}

// bound are the GUIDs of the service instances to which the app is bound.
func (a *App) bound(ctx context.Context, app *cloudfoundry.App) (map[string]bool, error) {
	if app == nil {
		return nil, nil
	}
	bindings, err := a.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{App: app.GUID})
	if err != nil {
		return nil, err
	}
	bound := map[string]bool{}
	for _, b := range bindings {
		if b.LastOperation.State == "succeeded" {
			bound[b.InstanceGUID] = true
		}
	}
	return bound, nil
}

// instance is the GUID of a binding's service instance. Green's own service must be
// ready.
func (a *App) instance(ctx context.Context, b Binding) (string, error) {
	if b.GUID != "" {
		return b.GUID, nil
	}
	instance, err := a.Replaced.Ready(ctx)
	if err != nil {
		return "", err
	}
	return instance.GUID, nil
}

func (a *App) bind(b Binding) runner.Task {
	byHand := "cf bind-service " + a.Name + " " + b.Name
	if b.BindingName != "" {
		byHand += " --binding-name " + b.BindingName
	}
	return runner.Task{
		Effect: runner.Creates, Name: "bind service " + b.Name, ByHand: byHand,
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := a.need(ctx)
			if err != nil {
				return err
			}
			instance, err := a.instance(ctx, b)
			if err != nil {
				return err
			}
			parameters, err := asJSON(b.Parameters)
			if err != nil {
				return err
			}
			if b.BindingName != "" {
				o.Say("as %s", b.BindingName)
			}
			_, err = a.platform().Services.Bind(ctx, app.GUID, instance, b.BindingName, parameters)
			return err
		},
	}
}

// asJSON is nil for no parameters.
func asJSON(parameters map[string]any) (json.RawMessage, error) {
	if len(parameters) == 0 {
		return nil, nil
	}
	return json.Marshal(parameters)
}
