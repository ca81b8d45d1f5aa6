package elasticsearch

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const renameNewServiceHelp = `Gives the new Elasticsearch service the name that the releases know, so that the next release binds to it and nobody has to change a manifest. The new app does not notice, not even at a restart: its binding has had that name from the beginning.

Refuses while another app or a key uses the new service, unless ALSO_BOUND names it. Tags, parameters and plan are not touched.

By hand: cf rename-service search_api_elasticsearch_new search_api_elasticsearch.`

// renameNewService gives green's service its final name. Green's service is known
// by the run's label from the moment it was made. To undo it by hand:
// cf rename-service search_api_elasticsearch search_api_elasticsearch_new.
type renameNewService struct {
	*Site
	tags []string
}

func (r *renameNewService) Check() []runner.Task {
	return append(r.settled(),
		r.usedByNobodyElse("the new service", func(ctx context.Context) (string, string, error) {
			app, err := r.needGreen(ctx)
			if err != nil {
				return "", "", err
			}
			instance, err := r.newService(ctx)
			if err != nil {
				return "", "", err
			}
			return instance.GUID, app.GUID, nil
		}),
		r.waitsFor(stageRenameOldService, "the old service has that name", free(r.Settings.Service, r.serviceNamed, func(ctx context.Context) (string, error) {
			instance, err := r.newService(ctx)
			if err != nil {
				return "", err
			}
			return instance.GUID, nil
		})),
	)
}

func (r *renameNewService) Plan(ctx context.Context) ([]runner.Task, error) {
	instance, err := r.findNewService(ctx)
	if err != nil {
		return nil, err
	}
	if instance == nil {
		return nil, &runner.NotYet{Stage: stageCreateService, Why: "there is no " + r.Settings.NewService}
	}
	r.tags = instance.Tags
	if instance.Name == r.Settings.Service {
		return nil, nil
	}
	return []runner.Task{r.renameService(instance, r.Settings.Service)}, nil
}

func (r *renameNewService) Verify() []runner.Task {
	return []runner.Task{
		{Name: "the new service has its final name, and nothing else is changed", Do: func(ctx context.Context, o *runner.Observation) error {
			instance, err := r.newService(ctx)
			if err != nil {
				return err
			}
			if instance.Name != r.Settings.Service {
				return fmt.Errorf("it is %s", instance.Name)
			}
			if !slices.Equal(instance.Tags, r.tags) {
				return runner.Final(fmt.Errorf("its tags are %q, and were %q", instance.Tags, r.tags))
			}
			o.Say("%s", instance.Name)
			return nil
		}},
		{Name: "the new app, started again, finds its service", Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := r.needGreen(ctx)
			if err != nil {
				return err
			}
			instance, err := r.newService(ctx)
			if err != nil {
				return err
			}
			name, err := r.finds(ctx, app.GUID, instance.GUID)
			o.Say("%s, as %s", app.Name, name)
			return err
		}},
	}
}

// Undo gives the name back, so that the old service can have it again. An app that
// was released since finds the new service by that name: it is told the other one
// first, so that it can be started again.
func (r *renameNewService) Undo(ctx context.Context) ([]runner.Task, error) {
	instance, err := r.findNewService(ctx)
	if err != nil || instance == nil {
		return nil, err
	}
	user, err := r.userOf(ctx, instance)
	if err != nil || user == nil && instance.Name == r.Settings.NewService {
		return nil, err
	}
	b, err := r.recorded()
	if err != nil {
		return nil, err
	}
	stranger, err := r.released(ctx, b)
	if err != nil {
		return nil, err
	}
	if stranger != "" {
		return nil, &runner.Irreversible{Why: "the live routes lead to " + stranger + ", which was released since and uses the new service: status tells how to take it off"}
	}
	if user == nil {
		return []runner.Task{r.renameService(instance, r.Settings.NewService)}, nil
	}
	return r.giveAway(ctx, user, instance)
}

// giveAway gives the service the name under which it stays with the released app.
func (r *renameNewService) giveAway(ctx context.Context, user *cloudfoundry.App, instance *cloudfoundry.ServiceInstance) ([]runner.Task, error) {
	env, err := r.cf.Environment(ctx, user.GUID)
	if err != nil {
		return nil, err
	}
	name := r.Settings.ReleasedService
	var tasks []runner.Task
	for _, bound := range env.Services {
		says, set := env.User[r.Settings.ServiceVar]
		if bound.InstanceGUID == instance.GUID && bound.BindingName == "" && (!set || says != name) {
			tasks = append(tasks, r.setVariable(user, variable{r.Settings.ServiceVar, &name}))
		}
	}
	if instance.Name != name {
		tasks = append(tasks, r.renameService(instance, name))
	}
	return tasks, nil
}
