package backing

import (
	"context"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// User is an app that is bound to a service, or a key of it.
type User struct {
	// Kind is "app" or "key".
	Kind string
	Name string
}

// String is the user for people.
func (u User) String() string { return u.Kind + " " + u.Name }

func listed(users []User) string {
	all := make([]string, len(users))
	for i, u := range users {
		all[i] = u.String()
	}
	return strings.Join(all, ", ")
}

// release are the commands that take a service from its users.
func release(users []User, service string) string {
	all := make([]string, len(users))
	for i, u := range users {
		all[i] = "cf unbind-service " + u.Name + " " + service
		if u.Kind == "key" {
			all[i] = "cf delete-service-key " + service + " " + u.Name
		}
	}
	return strings.Join(all, "; ")
}

// Users are the apps and keys that use a service, except for one app; both are GUIDs.
func (s *Services) Users(ctx context.Context, instance, except string) ([]User, error) {
	bindings, err := s.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{Instance: instance})
	if err != nil {
		return nil, err
	}
	var all []User
	for _, b := range bindings {
		if b.AppGUID == except {
			continue
		}
		app, err := s.platform().Apps.Get(ctx, b.AppGUID)
		if err != nil {
			return nil, err
		}
		all = append(all, User{"app", app.Name})
	}
	keys, err := s.platform().Services.ServiceKeys(ctx, instance)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		all = append(all, User{"key", k.Name})
	}
	return all, nil
}

// NobodyElseUsesBlue is the check that only blue uses its service, before that gets
// another name: an app looks for its service by name when it starts, and would not
// find it. alsoBound are names of apps and keys that may.
func (s *Services) NobodyElseUsesBlue(alsoBound []string) runner.Task {
	later := ""
	if last := s.run().StageOf(upgrade.Ended); last != "" {
		later = "; " + last + " refuses to delete the service as long as they use it"
	}
	return s.nobodyElse("blue's service", later, alsoBound, func(context.Context) (string, string, error) {
		b, err := s.run().Blue()
		return b.Service, b.App, err
	})
}

// NobodyElseUsesNew is the same check of green and its service.
func (s *Services) NobodyElseUsesNew(alsoBound []string) runner.Task {
	return s.nobodyElse("green's service", "", alsoBound, func(ctx context.Context) (string, string, error) {
		app, err := s.pair().NeedGreen(ctx)
		if err != nil {
			return "", "", err
		}
		instance, err := s.New(ctx)
		if err != nil {
			return "", "", err
		}
		return instance.GUID, app.GUID, nil
	})
}

// nobodyElse is the check; later says what becomes of those that alsoBound lets pass.
func (s *Services) nobodyElse(which, later string, alsoBound []string, find func(context.Context) (instance, app string, err error)) runner.Task {
	return runner.Task{
		Name: "nobody else uses " + which,
		Do: func(ctx context.Context, o *runner.Observation) error {
			instance, app, err := find(ctx)
			if err != nil {
				return err
			}
			users, err := s.Users(ctx, instance, app)
			if err != nil {
				return err
			}
			o.Set("others", len(users))
			o.Say("nobody")
			if len(users) > 0 {
				o.Say("%s, let pass by ALSO_BOUND%s", listed(users), later)
			}
			strangers := slices.DeleteFunc(slices.Clone(users), func(u User) bool { return slices.Contains(alsoBound, u.Name) })
			if len(strangers) > 0 {
				return runner.Refuse("%s is used by %s, which may not find it by its new name; once that is taken care of, name them in ALSO_BOUND", which, listed(strangers))
			}
			return nil
		},
	}
}
