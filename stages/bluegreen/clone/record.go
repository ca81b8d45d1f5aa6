package clone

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// madeOf is what the run records of blue before it is deleted, so that a rollback can
// rebuild it. It has no value of a variable and no parameter of a binding: the live app
// has the same, and they may be secret.
type madeOf struct {
	App string `json:"app"`
	// Manifest is the one that the platform generates, with the variables' names but
	// not their values, and without services and routes.
	Manifest string         `json:"manifest"`
	Services []boundService `json:"services"`
	// Variable is what the variable with the service's name was; nil: not set.
	Variable *string `json:"variable,omitempty"`
}

type boundService struct {
	GUID        string `json:"guid"`
	Name        string `json:"name"`
	BindingName string `json:"binding_name,omitempty"`
}

// Record records what blue is made of. Where the record does not fit, the task fails,
// and blue is not deleted.
func (r *Rebuild) Record(app *cloudfoundry.App) runner.Task {
	return runner.Task{
		Effect: runner.Creates, Name: "record what " + r.Apps.NameOf(app.GUID, app.Name) + " is made of",
		Do: func(ctx context.Context, o *runner.Observation) error {
			facts, err := r.describe(ctx, app)
			if err != nil {
				return err
			}
			o.Say("no value of a variable is recorded")
			if err := r.Apps.run().SetAll(ctx, facts); err != nil {
				return fmt.Errorf("without that there would be no rollback (REMOVE_OLD_APP=stop needs none): %w", err)
			}
			return nil
		},
	}
}

// RecordIfItFits is Record for the last step, after which there is no rollback anyhow:
// it is of use only where the deletion of the service fails.
func (r *Rebuild) RecordIfItFits(app *cloudfoundry.App) runner.Task {
	t := r.Record(app)
	record := t.Do
	t.Do = func(ctx context.Context, o *runner.Observation) error {
		err := record(ctx, o)
		if err != nil && runner.ClassOf(err) == runner.Failed {
			o.Say("not recorded: %s", err)
			return nil
		}
		return err
	}
	return t
}

// describe are the facts to record.
func (r *Rebuild) describe(ctx context.Context, app *cloudfoundry.App) (map[string]string, error) {
	m, err := r.Source.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.canCopy(ctx); err != nil {
		return nil, err
	}
	made := madeOf{App: app.GUID}
	if r.Replaced != nil {
		if value, set := m.Env()[r.Replaced.Variable]; set {
			made.Variable = &value
		}
	}
	if made.Manifest, err = withoutValues(m); err != nil {
		return nil, err
	}
	if made.Services, err = r.boundServices(ctx, app); err != nil {
		return nil, err
	}
	policies, err := r.Apps.platform().Space.NetworkPolicies(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	facts := map[string]string{}
	for name, value := range map[string]any{upgrade.FactBlueMadeOf: made, FactPolicies: policies} {
		if facts[name], err = upgrade.Encode(value); err != nil {
			return nil, err
		}
	}
	return facts, nil
}

// canCopy checks that what a buildpack made outlives blue.
func (r *Rebuild) canCopy(ctx context.Context) error {
	b, err := r.Apps.run().Blue()
	if err != nil || b.Docker() {
		return err
	}
	live, err := r.Live.Replacement(ctx)
	if err != nil {
		return err
	}
	var kept *cloudfoundry.Droplet
	if live != nil {
		if kept, err = r.dropletLike(ctx, b, live); err != nil {
			return err
		}
	}
	if kept == nil {
		return fmt.Errorf("no live app has a copy of %s, and blue could not be made again from anything else", b.From().What())
	}
	return nil
}

func withoutValues(m *manifest.Manifest) (string, error) {
	for _, name := range slices.Sorted(maps.Keys(m.Env())) {
		if err := m.SetEnv(name, ""); err != nil {
			return "", err
		}
	}
	m.Drop("services", "routes", "no-route", "random-route", "default-route")
	text, err := m.Bytes()
	return string(text), err
}

func (r *Rebuild) boundServices(ctx context.Context, app *cloudfoundry.App) ([]boundService, error) {
	bindings, err := r.Apps.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{App: app.GUID})
	if err != nil {
		return nil, err
	}
	var all []boundService
	for _, one := range bindings {
		instance, err := r.Apps.platform().Services.ServiceInstance(ctx, one.InstanceGUID)
		if err != nil {
			return nil, err
		}
		all = append(all, boundService{instance.GUID, instance.Name, one.Name})
	}
	return all, nil
}
