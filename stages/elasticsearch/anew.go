package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// kept is what the run remembers of blue before it is deleted, so that a way back
// can make it anew. No value of a variable is in it and no parameter of a binding:
// the live app has the same, and they may be secret.
type kept struct {
	App string `json:"app"`
	// Manifest is the platform's, whose variables have names alone; services and
	// routes are left out.
	Manifest string        `json:"manifest"`
	Services []keptService `json:"services"`
	// Variable is what the variable with the service's name said; nil: not set.
	Variable *string `json:"variable,omitempty"`
}

type keptService struct {
	GUID        string `json:"guid"`
	Name        string `json:"name"`
	BindingName string `json:"binding_name,omitempty"`
}

// keep records what blue is made of. A record that does not fit keeps it from
// being deleted.
func (s *Site) keep(app *cloudfoundry.App) runner.Task {
	return runner.Task{
		Effect: runner.Creates, Name: "record what " + s.called(app.GUID, app.Name) + " is made of",
		Do: func(ctx context.Context, o *runner.Observation) error {
			facts, err := s.describeKept(ctx, app)
			if err != nil {
				return err
			}
			o.Say("no value of a variable is recorded")
			if err := s.journal.SetAll(ctx, s.run, facts); err != nil {
				return fmt.Errorf("without that there would be no way back (OLD_APP=stop needs none): %w", err)
			}
			return nil
		},
	}
}

// keepIfItFits is the same for the last step, after which there is no way back
// anyhow: it is of use only where the deletion of the service fails.
func (s *Site) keepIfItFits(app *cloudfoundry.App) runner.Task {
	t := s.keep(app)
	keep := t.Do
	t.Do = func(ctx context.Context, o *runner.Observation) error {
		err := keep(ctx, o)
		if err != nil && runner.ClassOf(err) == runner.Failed {
			o.Say("not recorded: %s", err)
			return nil
		}
		return err
	}
	return t
}

func (s *Site) describeKept(ctx context.Context, app *cloudfoundry.App) (map[string]string, error) {
	m, err := s.blueManifest(ctx)
	if err != nil {
		return nil, err
	}
	k := kept{App: app.GUID}
	variables := m.Env()
	if said, set := variables[s.Settings.ServiceVar]; set {
		k.Variable = &said
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if err := m.SetEnv(name, ""); err != nil {
			return nil, err
		}
	}
	m.Drop("services", "routes", "no-route", "random-route", "default-route")
	text, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	k.Manifest = string(text)
	bindings, err := s.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: app.GUID})
	if err != nil {
		return nil, err
	}
	for _, one := range bindings {
		instance, err := s.cf.ServiceInstance(ctx, one.InstanceGUID)
		if err != nil {
			return nil, err
		}
		k.Services = append(k.Services, keptService{instance.GUID, instance.Name, one.Name})
	}
	policies, err := s.cf.NetworkPolicies(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	facts := map[string]string{}
	for name, value := range map[string]any{factKept: k, factPolicies: policies} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		facts[name] = string(text)
	}
	return facts, nil
}

// remembered tells whether blue could be made anew.
func (s *Site) remembered() bool { return s.run != nil && s.run.Facts[factKept] != "" }

// makeAnew makes blue anew where it was deleted: the recorded image, settings and
// bindings, with the values of the variables of the app that is live now. From the
// moment it runs it is blue for everything that follows. A process that was killed
// in between leaves an app with the run's label, which the next one goes on with.
func (s *Site) makeAnew(ctx context.Context, b blue) ([]runner.Task, error) {
	m, left, err := s.anew(ctx, b)
	if err != nil {
		return nil, err
	}
	app, err := m.find(ctx)
	if err != nil {
		return nil, err
	}
	if app == nil {
		stranger, err := s.cf.AppByName(ctx, m.name)
		if err != nil {
			return nil, err
		}
		if stranger != nil {
			return nil, s.notOurs("app", stranger.Name, stranger.Metadata)
		}
	}
	tasks, err := m.pieces(ctx, app)
	if err != nil {
		return nil, err
	}
	return append(tasks,
		runner.Task{
			Name: "every instance of the old app runs", Wait: s.Settings.StartTimeout,
			Do: func(ctx context.Context, o *runner.Observation) error {
				app, err := m.need(ctx)
				if err != nil {
					return err
				}
				if err := s.allRun(ctx, o, app); err != nil {
					o.Detail(s.lastLines(ctx, app.GUID))
					return err
				}
				return nil
			},
		},
		runner.Task{
			Effect: runner.Creates, Name: "record that " + m.name + " is the old app from here on",
			Do: func(ctx context.Context, o *runner.Observation) error {
				app, err := m.need(ctx)
				if err != nil {
					return err
				}
				b, err := s.recorded()
				if err != nil {
					return err
				}
				b.App = app.GUID
				o.Say("all of it is there")
				if len(left) > 0 {
					o.Say("left out: %s", strings.Join(left, ", "))
				}
				return s.set(ctx, factBlue, b)
			},
		}), nil
}

// anew is blue in the making, and what of it cannot be had again.
func (s *Site) anew(ctx context.Context, b blue) (m *making, left []string, err error) {
	var k kept
	if err := json.Unmarshal([]byte(s.run.Facts[factKept]), &k); err != nil {
		return nil, nil, runner.Refuse("the record of run %s is damaged: its annotation %s cannot be read (%w)", s.run.ID, factKept, err)
	}
	m = &making{
		Site: s, name: s.Settings.OldApp, role: anew, image: b.Image, like: k.App,
		find: func(ctx context.Context) (*cloudfoundry.App, error) { return s.made(ctx, anew) },
	}
	if err := json.Unmarshal([]byte(s.run.Facts[factPolicies]), &m.policies); err != nil {
		return nil, nil, runner.Refuse("the record of run %s is damaged: its annotation %s cannot be read (%w)", s.run.ID, factPolicies, err)
	}
	live, err := s.successor(ctx)
	if err != nil {
		return nil, nil, err
	}
	if live == nil {
		return nil, nil, runner.Refuse("no app of the run is there from which the old app could have its variables")
	}
	m.typed = fmt.Sprintf("cf create-app-manifest %[1]s -p %[2]s.yml; in it: name %[2]s, image %[3]s, no routes; cf push -f %[2]s.yml --no-start", live.Name, m.name, m.image)
	if left, err = s.oldManifest(ctx, m, b, k, live); err != nil {
		return nil, nil, err
	}
	gone, err := s.oldServices(ctx, m, b, k, live)
	return m, append(left, gone...), err
}

// oldManifest fills in the recorded manifest from the live app.
func (s *Site) oldManifest(ctx context.Context, m *making, b blue, k kept, live *cloudfoundry.App) (left []string, err error) {
	if m.manifest, err = manifest.Parse([]byte(k.Manifest)); err != nil {
		return nil, fmt.Errorf("the recorded manifest of %s: %w", m.name, err)
	}
	env, err := s.cf.Environment(ctx, live.GUID)
	if err != nil {
		return nil, err
	}
	if k.Variable != nil {
		// What it looks for is called as its binding is, or as its service is now.
		env.User[s.Settings.ServiceVar] = *k.Variable
		if instance, err := s.blueService(ctx, b); err == nil && instance != nil && b.BindingName == "" {
			env.User[s.Settings.ServiceVar] = instance.Name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.manifest.Env())) {
		value, has := env.User[name]
		if !has {
			left = append(left, "variable "+name+", which "+live.Name+" has not")
			m.manifest.DropEnv(name)
			continue
		}
		s.o.Redact.Add(hidden(name, value)...)
		if err := m.manifest.SetEnv(name, value); err != nil {
			return nil, err
		}
	}
	if err := m.manifest.SetName(m.name); err != nil {
		return nil, err
	}
	return left, m.manifest.SetImage(m.image, s.Settings.DockerUsername)
}

// oldServices are the recorded bindings. Their parameters are those of the live
// app's binding to the same service; of the old Elasticsearch, to the new one.
func (s *Site) oldServices(ctx context.Context, m *making, b blue, k kept, live *cloudfoundry.App) (left []string, err error) {
	bindings, err := s.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: live.GUID})
	if err != nil {
		return nil, err
	}
	replaced, err := s.findNewService(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range k.Services {
		instance, err := s.cf.ServiceInstance(ctx, one.GUID)
		if cloudfoundry.IsNotFound(err) {
			left = append(left, "service "+one.Name+", which is gone")
			continue
		}
		if err != nil {
			return nil, err
		}
		known := *instance
		if one.GUID == b.Service {
			known.Name = b.ServiceName // As NO_PARAMETERS has it.
		}
		w := wanted{GUID: one.GUID, Service: manifest.Service{Name: instance.Name, BindingName: one.BindingName}}
		for _, binding := range bindings {
			if binding.InstanceGUID != one.GUID && (one.GUID != b.Service || replaced == nil || binding.InstanceGUID != replaced.GUID) {
				continue
			}
			if w.Parameters, err = s.parameters(ctx, binding, &known); err != nil {
				return nil, err
			}
		}
		m.services = append(m.services, w)
	}
	return left, nil
}
