package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const createServiceHelp = `Creates the new Elasticsearch service beside the old one, under a name of its own, and waits for the broker for as long as it takes. A creation that failed is shown with the broker's words; the next run deletes our own failed service and makes it anew. Never touches the old service.

By hand: cf create-service elasticsearch <plan> search_api_elasticsearch_new; cf service search_api_elasticsearch_new.`

// createService makes green's service. To undo it by hand: cf delete-service
// search_api_elasticsearch_new, once nothing is bound to it.
type createService struct{ *Site }

func (c *createService) Check() []runner.Task {
	return append(c.ordinary(toBlue), runner.Task{
		Name: "the marketplace has the offering and plan",
		Do: func(ctx context.Context, o *runner.Observation) error {
			_, err := c.plan(ctx)
			o.Say("%s %s", c.Settings.Offering, c.Settings.Plan)
			return err
		},
	})
}

func (c *createService) Plan(ctx context.Context) ([]runner.Task, error) {
	instance, err := c.findNewService(ctx)
	if err != nil {
		return nil, err
	}
	if instance == nil {
		stranger, err := c.cf.ServiceInstanceByName(ctx, c.Settings.NewService)
		if err != nil {
			return nil, err
		}
		if stranger != nil {
			return nil, c.notOurs("service", stranger.Name, stranger.Metadata)
		}
		return []runner.Task{c.create()}, nil
	}
	if c.run == nil {
		return nil, &runner.NotYet{Stage: stageCheckRelease, Why: "there is no run"}
	}
	if last := instance.LastOperation; last.Type == "delete" || last.Type == "create" && last.State == "failed" {
		return []runner.Task{c.remove(instance, "delete the service whose creation failed"), c.create()}, nil
	}
	return nil, nil
}

func (c *createService) create() runner.Task {
	byHand := fmt.Sprintf("cf create-service %s %s %s", c.Settings.Offering, c.Settings.Plan, c.Settings.NewService)
	if c.Settings.Parameters != "" {
		byHand += " -c '<SERVICE_PARAMETERS>'"
	}
	return runner.Task{
		Effect: runner.Creates, Name: "create service " + c.Settings.NewService, ByHand: byHand,
		Do: func(ctx context.Context, o *runner.Observation) error {
			plan, err := c.plan(ctx)
			if err != nil {
				return err
			}
			var parameters json.RawMessage
			if c.Settings.Parameters != "" {
				parameters = json.RawMessage(c.Settings.Parameters)
			}
			_, err = c.cf.CreateServiceInstance(ctx, c.Settings.NewService, plan.GUID, parameters, c.labels(green))
			o.Say("asked for %s %s", c.Settings.Offering, plan.Name)
			return err
		},
	}
}

// plan finds the plan of the new service in the marketplace.
func (s *Site) plan(ctx context.Context) (*cloudfoundry.Plan, error) {
	plan, err := s.cf.PlanByName(ctx, s.Settings.Offering, s.Settings.Plan)
	if err != nil {
		return nil, fmt.Errorf("SERVICE_PLAN of SERVICE_OFFERING: %w", err)
	}
	return plan, nil
}

// remove deletes a service of ours; who is bound to it keeps it.
func (c *createService) remove(instance *cloudfoundry.ServiceInstance, name string) runner.Task {
	return runner.Task{
		Effect: runner.Deletes, Name: name, ByHand: "cf delete-service " + c.called(instance.GUID, instance.Name),
		Do: func(ctx context.Context, o *runner.Observation) error {
			bindings, err := c.cf.Bindings(ctx, cloudfoundry.BindingFilter{Instance: instance.GUID})
			if err != nil {
				return err
			}
			if len(bindings) > 0 {
				return runner.Refuse("%s bound to service %s; deleting it would unbind all", runner.Count(len(bindings), "app is", "apps are"), instance.Name)
			}
			ctx = cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) })
			return c.cf.DeleteServiceInstance(ctx, instance.GUID)
		},
	}
}

func (c *createService) Verify() []runner.Task {
	return []runner.Task{{
		Name: "the new service is ready", Wait: c.Settings.CreateTimeout,
		Do: func(ctx context.Context, o *runner.Observation) error {
			instance, err := c.newService(ctx)
			if err == nil {
				o.Say("%s", instance.Name)
			}
			return err
		},
	}}
}

// findNewService finds the service that this run made, by its label; nil if there
// is none.
func (s *Site) findNewService(ctx context.Context) (*cloudfoundry.ServiceInstance, error) {
	all, err := s.ownServices(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if len(all) > 1 {
		return nil, runner.Refuse("%d services carry the label of run %s; only one can be its new service", len(all), s.run.ID)
	}
	return &all[0], nil
}

// newService finds green's service, which must be ready.
func (s *Site) newService(ctx context.Context) (*cloudfoundry.ServiceInstance, error) {
	instance, err := s.findNewService(ctx)
	if err != nil {
		return nil, err
	}
	if instance == nil {
		return nil, &runner.NotYet{Stage: stageCreateService, Why: "there is no " + s.Settings.NewService}
	}
	last := instance.LastOperation
	switch last.State {
	case "succeeded":
		return instance, nil
	case "failed":
		return nil, runner.Final(fmt.Errorf("the broker failed to %s %s: %q", last.Type, instance.Name, last.Description))
	}
	return nil, fmt.Errorf("%s of %s is %s: %s", last.Type, instance.Name, last.State, last.Description)
}

func (c *createService) Undo(ctx context.Context) ([]runner.Task, error) {
	instance, err := c.findNewService(ctx)
	if err != nil || instance == nil {
		return nil, err
	}
	user, err := c.userOf(ctx, instance)
	if err != nil {
		return nil, err
	}
	if user != nil {
		return nil, &runner.Irreversible{Why: "service " + c.called(instance.GUID, instance.Name) + " stays: the released app " + c.called(user.GUID, user.Name) + " uses it", Covered: true}
	}
	return []runner.Task{c.remove(instance, "delete service "+c.called(instance.GUID, instance.Name))}, nil
}
