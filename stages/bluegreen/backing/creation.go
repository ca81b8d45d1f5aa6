package backing

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Creation creates green's service beside blue's, under a name of its own, and
// deletes it in a rollback. It never touches blue's.
type Creation struct {
	Services *Services
	Names    *names.Names
	// Offering and Plan are as the marketplace has them; Parameters is JSON for the
	// broker, or "". They may be secret, and are never printed.
	Offering, Plan, Parameters string
	// Timeout is how long the broker may take.
	Timeout time.Duration
}

// MarketplacePlan finds the plan of green's service in the marketplace.
func (c *Creation) MarketplacePlan(ctx context.Context) (*cloudfoundry.Plan, error) {
	plan, err := c.Services.platform().Services.PlanByName(ctx, c.Offering, c.Plan)
	if err != nil {
		return nil, fmt.Errorf("SERVICE_PLAN of SERVICE_OFFERING: %w", err)
	}
	return plan, nil
}

// Offered is the check that the marketplace has the plan.
func (c *Creation) Offered() runner.Task {
	return runner.Task{
		Name: "the marketplace has the offering and plan",
		Do: func(ctx context.Context, o *runner.Observation) error {
			_, err := c.MarketplacePlan(ctx)
			o.Say("%s %s", c.Offering, c.Plan)
			return err
		},
	}
}

// Tasks create green's service where there is none; one whose creation failed, or
// whose deletion began, is deleted and created again. A service of that name that
// this run did not make is refused.
func (c *Creation) Tasks(ctx context.Context) ([]runner.Task, error) {
	instance, err := c.Services.FindNew(ctx)
	if err != nil {
		return nil, err
	}
	if instance == nil {
		stranger, err := c.Services.platform().Services.ServiceInstanceByName(ctx, c.Services.Of.NewService)
		if err != nil {
			return nil, err
		}
		if stranger != nil {
			return nil, c.Services.run().NotOurs("service", stranger.Name, stranger.Metadata)
		}
		return []runner.Task{c.create()}, nil
	}
	if last := instance.LastOperation; last.Type == "delete" || last.Type == "create" && last.State == "failed" {
		return []runner.Task{c.remove(instance, "delete the service whose creation failed"), c.create()}, nil
	}
	return nil, nil
}

func (c *Creation) create() runner.Task {
	name := c.Services.Of.NewService
	byHand := fmt.Sprintf("cf create-service %s %s %s", c.Offering, c.Plan, name)
	if c.Parameters != "" {
		byHand += " -c '<SERVICE_PARAMETERS>'"
	}
	return runner.Task{
		Effect: runner.Creates, Name: "create service " + name, ByHand: byHand,
		Do: func(ctx context.Context, o *runner.Observation) error {
			plan, err := c.MarketplacePlan(ctx)
			if err != nil {
				return err
			}
			var parameters json.RawMessage
			if c.Parameters != "" {
				parameters = json.RawMessage(c.Parameters)
			}
			labels := c.Services.run().Labels(upgrade.RoleGreen)
			_, err = c.Services.platform().Services.CreateServiceInstance(ctx, name, plan.GUID, parameters, labels)
			o.Say("asked for %s %s", c.Offering, plan.Name)
			return err
		},
	}
}

// remove deletes green's service, unless an app is bound to it: the platform would
// unbind it.
func (c *Creation) remove(instance *cloudfoundry.ServiceInstance, name string) runner.Task {
	return runner.Task{
		Effect: runner.Deletes, Name: name, ByHand: "cf delete-service " + c.Names.Of(instance.GUID, instance.Name),
		Do: func(ctx context.Context, o *runner.Observation) error {
			bindings, err := c.Services.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{Instance: instance.GUID})
			if err != nil {
				return err
			}
			if len(bindings) > 0 {
				return runner.Refuse("%s bound to service %s; deleting it would unbind all", runner.Count(len(bindings), "app is", "apps are"), instance.Name)
			}
			return c.Services.platform().Services.DeleteServiceInstance(progress(ctx, o), instance.GUID)
		},
	}
}

// Ready is the postcondition of the creation: the broker has ended, and well.
func (c *Creation) Ready() runner.Task {
	return runner.Task{
		Name: "green's service is ready", Wait: c.Timeout,
		Do: func(ctx context.Context, o *runner.Observation) error {
			instance, err := c.Services.New(ctx)
			if err == nil {
				o.Say("%s", instance.Name)
			}
			return err
		},
	}
}

// Undo deletes green's service. Where a released app uses it, it stays: an
// Irreversible that is covered.
func (c *Creation) Undo(ctx context.Context) ([]runner.Task, error) {
	instance, err := c.Services.FindNew(ctx)
	if err != nil || instance == nil {
		return nil, err
	}
	user, err := c.Services.UsedByRelease(ctx, instance)
	if err != nil {
		return nil, err
	}
	name := c.Names.Of(instance.GUID, instance.Name)
	if user != nil {
		return nil, &runner.Irreversible{Why: "service " + name + " stays: the released app " + c.Names.Of(user.GUID, user.Name) + " uses it", Covered: true}
	}
	return []runner.Task{c.remove(instance, "delete service "+name)}, nil
}
