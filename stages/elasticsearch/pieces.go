package elasticsearch

import (
	"context"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// making is an app that is made piece by piece: green, or blue anew where it was
// deleted.
type making struct {
	*Site
	// name is the app's while it is made, and role the label that tells it from
	// the others of the run.
	name, role string
	image      string
	// route is made with it; "" for none.
	route    string
	manifest *manifest.Manifest
	// typed is how a person applies the manifest.
	typed    string
	services []wanted
	// policies are network policies of the app like, which it gets as its own.
	policies []cloudfoundry.NetworkPolicy
	like     string
	// find finds it, by its label; nil where it is not there yet.
	find func(context.Context) (*cloudfoundry.App, error)
}

// pieces are what the app lacks, in their order, and its start. Each looks for
// itself first: a nil app is one that is not there yet, and then everything is
// missing.
func (m *making) pieces(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	var tasks []runner.Task
	for _, piece := range []func(context.Context, *cloudfoundry.App) ([]runner.Task, error){
		m.theApp, m.theRoute, m.theBindings, m.theManifest, m.thePolicies, m.theDroplet,
	} {
		some, err := piece(ctx, app)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, some...)
	}
	start, err := m.theStart(ctx, app, len(tasks) > 0)
	return append(tasks, start...), err
}

// need finds the app, which has to be there.
func (m *making) need(ctx context.Context) (*cloudfoundry.App, error) {
	app, err := m.find(ctx)
	if err == nil && app == nil {
		err = &runner.NotYet{Stage: stagePushApp, Why: "there is no " + m.name}
	}
	return app, err
}

func (m *making) theApp(_ context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	if app != nil {
		return nil, nil
	}
	return []runner.Task{{
		Effect: runner.Creates, Name: "create app " + m.name, ByHand: "cf create-app " + m.name + " --app-type docker",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			_, err := m.cf.CreateApp(ctx, m.name, m.labels(m.role))
			return err
		},
	}}, nil
}

func (m *making) theRoute(ctx context.Context, _ *cloudfoundry.App) ([]runner.Task, error) {
	if m.route == "" {
		return nil, nil
	}
	route, err := m.cf.RouteByAddress(ctx, m.route)
	if err != nil {
		return nil, err
	}
	if route != nil && !m.ours(route.Metadata) {
		return nil, m.notOurs("route", route.Address, route.Metadata)
	}
	if route != nil {
		return nil, nil
	}
	return []runner.Task{{
		Effect: runner.Creates, Name: "create route " + m.route, ByHand: "cf create-route " + typed(m.route),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			_, err := m.cf.CreateRoute(ctx, m.route, m.labels(m.role))
			return err
		},
	}}, nil
}

// theBindings are made one by one, before the manifest is applied: inside of a
// manifest the platform waits 60 s for a slow broker and then gives up
// (cloud_controller_ng: max_manifest_service_binding_poll_duration_in_seconds).
func (m *making) theBindings(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	bound := map[string]string{}
	if app != nil {
		bindings, err := m.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: app.GUID})
		if err != nil {
			return nil, err
		}
		for _, b := range bindings {
			if b.LastOperation.State == "succeeded" {
				bound[b.InstanceGUID] = b.GUID
			}
		}
	}
	var tasks []runner.Task
	for _, w := range m.services {
		guid := w.GUID
		if guid == "" {
			instance, err := m.newService(ctx)
			if err != nil && app != nil {
				return nil, err
			}
			if instance != nil {
				guid = instance.GUID
			}
		}
		if guid != "" && bound[guid] != "" {
			continue
		}
		tasks = append(tasks, m.bind(w))
	}
	return tasks, nil
}

func (m *making) bind(w wanted) runner.Task {
	byHand := "cf bind-service " + m.name + " " + w.Name
	if w.BindingName != "" {
		byHand += " --binding-name " + w.BindingName
	}
	return runner.Task{
		Effect: runner.Creates, Name: "bind service " + w.Name, ByHand: byHand,
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := m.need(ctx)
			if err != nil {
				return err
			}
			guid := w.GUID
			if guid == "" {
				instance, err := m.newService(ctx)
				if err != nil {
					return err
				}
				guid = instance.GUID
			}
			parameters, err := asJSON(w.Parameters)
			if err != nil {
				return err
			}
			if w.BindingName != "" {
				o.Say("as %s", w.BindingName)
			}
			_, err = m.cf.Bind(ctx, app.GUID, guid, w.BindingName, parameters)
			return err
		},
	}
}

// theManifest compares the manifest that the platform generates from green with
// the wanted one. Services and image are left out: it does not tell binding
// names, and both are pieces of their own.
func (m *making) theManifest(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	text, err := m.manifest.Bytes()
	if err != nil {
		return nil, err
	}
	if app != nil {
		if have, err := m.covered(ctx, app); err != nil || have {
			return nil, err
		}
	}
	return []runner.Task{{
		Effect: runner.Changes, Name: "apply the manifest", ByHand: m.typed,
		Do: func(ctx context.Context, o *runner.Observation) error {
			err := m.cf.ApplyManifest(ctx, text)
			if runner.ClassOf(err) == runner.Unavailable && m.applied(ctx) {
				o.Say("done, though it was answered with an error")
				return nil
			}
			return err
		},
	}}, nil
}

// applied tells whether the app became what the manifest says, when nobody said so:
// the platform may be at it still, so it is looked at more than once.
func (m *making) applied(ctx context.Context) bool {
	for range 5 {
		if app, err := m.find(ctx); err == nil && app != nil {
			if have, err := m.covered(ctx, app); err == nil && have {
				return true
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(m.Settings.Poll):
		}
	}
	return false
}

// covered tells whether the manifest that the platform generates from the app
// holds all of the wanted one.
func (m *making) covered(ctx context.Context, app *cloudfoundry.App) (bool, error) {
	have, err := m.cf.Manifest(ctx, app.GUID)
	if err != nil {
		return false, err
	}
	now, err := manifest.Parse(have)
	if err != nil {
		return false, err
	}
	covers := now.Covers(m.manifest, "services", "docker")
	return covers, nil
}
