package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const renameOldServiceHelp = `Gives the replaced Elasticsearch service its old name, so that the new one can take the name that the releases know. Nothing that runs notices: an app looks for its service by name only when it starts. So that the old app, which is the way back, can be started again, its variable says the service's new name from here on, unless its binding has a name of its own; what the variable said before is recorded and comes back with a rollback.

Refuses while another app or a key uses that service, unless ALSO_BOUND names it. Tags, parameters and plan are not touched.

By hand: cf set-env search-api DM_ELASTICSEARCH_SERVICE_NAME search_api_elasticsearch_old; cf rename-service search_api_elasticsearch search_api_elasticsearch_old.`

// renameOldService makes room for the new service's final name. The order is:
// record the variable, set it, rename; so a process killed anywhere in between
// leaves an old app that can be put right by the next one. To undo it by hand:
// cf rename-service back, and cf set-env (or unset-env) as the run recorded it.
type renameOldService struct {
	*Site
	tags []string
}

func (r *renameOldService) Check() []runner.Task {
	return append(r.settled(),
		r.usedByNobodyElse("the old service", func(context.Context) (string, string, error) {
			b, err := r.recorded()
			return b.Service, b.App, err
		}),
		free(r.Settings.OldService, r.serviceNamed, func(context.Context) (string, error) {
			b, err := r.recorded()
			return b.Service, err
		}),
	)
}

func (r *renameOldService) Plan(ctx context.Context) ([]runner.Task, error) {
	b, app, instance, err := r.needBlue(ctx)
	if err != nil {
		return nil, err
	}
	if instance.Name != b.ServiceName && instance.Name != r.Settings.OldService {
		return nil, runner.Refuse("service %s was %s when the run began: somebody renamed it; cf rename-service %s %s", instance.Name, b.ServiceName, instance.Name, b.ServiceName)
	}
	r.tags = instance.Tags
	tasks, err := r.tell(ctx, b, app, r.Settings.OldService)
	if err != nil {
		return nil, err
	}
	if instance.Name != r.Settings.OldService {
		tasks = append(tasks, r.renameService(instance, r.Settings.OldService))
	}
	return tasks, nil
}

// variable is the variable of blue as it was before the run changed it.
type variable struct {
	Name string `json:"name"`
	// Value is nil where it was not set.
	Value *string `json:"value"`
}

// tell lets blue's variable say the name that its service has, or is about to
// get, and records before what it said when the run began. A binding with a name
// of its own needs nothing: that name never changes.
func (s *Site) tell(ctx context.Context, b blue, app *cloudfoundry.App, name string) ([]runner.Task, error) {
	if b.BindingName != "" {
		return nil, nil
	}
	env, err := s.cf.Environment(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	now, set := env.User[s.Settings.ServiceVar]
	if set && now == name {
		return nil, nil
	}
	was := variable{Name: s.Settings.ServiceVar}
	if set {
		was.Value = &now
	}
	var tasks []runner.Task
	if s.run.Facts[factVariable] == "" {
		tasks = append(tasks, runner.Task{
			Effect: runner.Creates, Name: "record what " + was.Name + " of " + app.Name + " was",
			Do: func(ctx context.Context, o *runner.Observation) error {
				o.Say("%s", was)
				return s.set(ctx, factVariable, was)
			},
		})
	}
	return append(tasks, s.setVariable(app, variable{was.Name, &name})), nil
}

// variableWas is what the run recorded of blue's variable; nil where it has not
// changed it.
func (s *Site) variableWas() (*variable, error) {
	if s.run == nil || s.run.Facts[factVariable] == "" {
		return nil, nil
	}
	var was variable
	if err := json.Unmarshal([]byte(s.run.Facts[factVariable]), &was); err != nil {
		return nil, fmt.Errorf("read the variable from the run: %w", err)
	}
	return &was, nil
}

func (v variable) String() string {
	if v.Value == nil {
		return "not set"
	}
	return *v.Value
}

func (s *Site) setVariable(app *cloudfoundry.App, to variable) runner.Task {
	name := s.called(app.GUID, app.Name)
	byHand := "cf unset-env " + name + " " + to.Name
	if to.Value != nil {
		byHand = "cf set-env " + name + " " + to.Name + " " + *to.Value
	}
	return runner.Task{
		Effect: runner.Changes, Name: "set " + to.Name + " of " + name, ByHand: byHand,
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s, from its next start on", to)
			return s.cf.SetEnvironment(ctx, app.GUID, map[string]*string{to.Name: to.Value})
		},
	}
}

func (r *renameOldService) Verify() []runner.Task {
	return []runner.Task{
		{Name: "the old service has its new name, and nothing else is changed", Do: func(ctx context.Context, o *runner.Observation) error {
			_, _, instance, err := r.needBlue(ctx)
			if err != nil {
				return err
			}
			if instance.Name != r.Settings.OldService {
				return fmt.Errorf("it is %s", instance.Name)
			}
			if !slices.Equal(instance.Tags, r.tags) {
				return runner.Final(fmt.Errorf("its tags are %q, and were %q", instance.Tags, r.tags))
			}
			o.Say("%s, tags %q", instance.Name, strings.Join(instance.Tags, ", "))
			return nil
		}},
		{Name: "the old app, started again, finds its service", Do: func(ctx context.Context, o *runner.Observation) error {
			b, app, _, err := r.needBlue(ctx)
			if err != nil {
				return err
			}
			name, err := r.finds(ctx, b.App, b.Service)
			o.Say("%s, as %s", app.Name, name)
			return err
		}},
	}
}

// Undo gives the name back, and then the variable its value.
func (r *renameOldService) Undo(ctx context.Context) ([]runner.Task, error) {
	b, instance, err := r.oldService(ctx)
	if err != nil {
		return nil, err
	}
	var tasks []runner.Task
	if instance != nil && instance.Name != b.ServiceName {
		tasks = append(tasks, r.renameService(instance, b.ServiceName))
	}
	was, err := r.variableWas()
	if err != nil || was == nil {
		return tasks, err
	}
	app, err := r.oldAppBack(ctx, b)
	if err != nil {
		return nil, err
	}
	if app != nil {
		tasks = append(tasks, r.setVariable(app, *was))
	}
	return append(tasks, runner.Task{
		Effect: runner.Changes, Name: "forget what " + was.Name + " was",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			return r.journal.Unset(ctx, r.run, factVariable)
		},
	}), nil
}
