package cloudfoundry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// The desired states of an app. Instances shows whether its instances really run.
const (
	Started = "STARTED"
	Stopped = "STOPPED"
)

// The lifecycles of an app: how it becomes a droplet.
const (
	Docker    = "docker"
	Buildpack = "buildpack"
)

// App is an app.
type App struct {
	Metadata
	GUID, Name string
	// State is Started or Stopped.
	State   string
	Created time.Time
}

func appOf(a resource.App) App {
	return App{Metadata: metadataOf(a.Metadata), GUID: a.GUID, Name: a.Name, State: a.State, Created: a.CreatedAt}
}

// Get reads one app.
func (c *Apps) Get(ctx context.Context, guid string) (*App, error) {
	var a resource.App
	if err := c.client.get(ctx, "/v3/apps/"+guid, nil, &a); err != nil {
		return nil, fmt.Errorf("read app %s: %w", guid, err)
	}
	app := appOf(a)
	return &app, nil
}

// ByName finds the app with that name in the space; nil if there is none.
func (c *Apps) ByName(ctx context.Context, name string) (*App, error) {
	found, err := c.apps(ctx, "names", name)
	if err != nil {
		return nil, fmt.Errorf("find app %s: %w", name, err)
	}
	return firstOrNil(found, nil)
}

// ByLabel lists the apps in the space that have the label with that value.
func (c *Apps) ByLabel(ctx context.Context, label, value string) ([]App, error) {
	found, err := c.apps(ctx, "label_selector", label+"="+value)
	if err != nil {
		return nil, fmt.Errorf("list apps with label %s=%s: %w", label, value, err)
	}
	return found, nil
}

// All lists the apps in the space, sorted by name.
func (c *Apps) All(ctx context.Context) ([]App, error) {
	found, err := c.apps(ctx, "order_by", "name")
	if err != nil {
		return nil, fmt.Errorf("list apps: %w", err)
	}
	return found, nil
}

func (c *Apps) apps(ctx context.Context, key, value string) ([]App, error) {
	t, err := c.client.Space.Target(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[resource.App](ctx, c.client, "/v3/apps", filter(key, value, "space_guids", t.SpaceGUID))
	return convert(all, appOf), err
}

// Create creates an empty, stopped app for a docker image.
func (c *Apps) Create(ctx context.Context, name string, labels map[string]string) (*App, error) {
	return c.CreateWith(ctx, name, Docker, labels)
}

// CreateWith creates an empty, stopped app with a lifecycle, Docker or Buildpack. A
// manifest says which buildpacks and which stack.
func (c *Apps) CreateWith(ctx context.Context, name, lifecycle string, labels map[string]string) (*App, error) {
	t, err := c.client.Space.Target(ctx)
	if err != nil {
		return nil, err
	}
	body := map[string]any{
		"name":          name,
		"lifecycle":     map[string]any{"type": lifecycle, "data": map[string]any{}},
		"relationships": map[string]any{"space": relationTo(t.SpaceGUID)},
	}
	if m := newMetadata(labels, nil); m != nil {
		body["metadata"] = m
	}
	app, err := create(ctx, labels, func() (*App, error) {
		var a resource.App
		if _, err := c.client.write(ctx, http.MethodPost, "/v3/apps", body, &a); err != nil {
			return nil, err
		}
		created := appOf(a)
		return &created, nil
	}, func(ctx context.Context) (*App, error) { return c.ByName(ctx, name) })
	if err != nil {
		return nil, fmt.Errorf("create app %s: %w", name, err)
	}
	return app, nil
}

// Delete deletes an app and waits until it is gone. The platform deletes its
// bindings, and so its credentials, before its processes have ended
// (cloud_controller_ng#1017): stop the app and wait until no instance is left first.
func (c *Apps) Delete(ctx context.Context, guid string) error {
	return c.client.remove(ctx, "/v3/apps/"+guid, "delete app "+guid)
}

// Rename changes an app's name and nothing else.
func (c *Apps) Rename(ctx context.Context, guid, name string) error {
	err := c.client.Space.patch(ctx, "/v3/apps/"+guid, map[string]any{"name": name}, func(now object) bool { return now.Name == name })
	if err != nil {
		return fmt.Errorf("rename app %s to %s: %w", guid, name, err)
	}
	return nil
}

// Start starts an app. It returns before any instance runs.
func (c *Apps) Start(ctx context.Context, guid string) error {
	return c.startOrStop(ctx, guid, "start", Started)
}

// Stop stops an app. It returns while instances may still be shutting down.
func (c *Apps) Stop(ctx context.Context, guid string) error {
	return c.startOrStop(ctx, guid, "stop", Stopped)
}

func (c *Apps) startOrStop(ctx context.Context, guid, action, state string) error {
	_, err := c.client.write(ctx, http.MethodPost, "/v3/apps/"+guid+"/actions/"+action, nil, nil)
	if err != nil && isAmbiguous(err) {
		if app, readErr := c.Get(ctx, guid); readErr == nil && app.State == state {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("%s app %s: %w", action, guid, err)
	}
	return nil
}

// Environment is what the app would get if it were started now. Running instances
// may have another one: theirs was fixed when the app was started
// (cloud_controller_ng: lib/cloud_controller/diego/app_recipe_builder.rb).
type Environment struct {
	// User holds the variables set on the app.
	User map[string]string
	// Services holds the entries of VCAP_SERVICES.
	Services []BoundService
}

// BoundService is one entry of VCAP_SERVICES, without its credentials.
type BoundService struct {
	// Name is what most apps search for: the binding's name, or the instance's if the binding has none
	// (cloud_controller_ng: app/presenters/system_environment/service_binding_presenter.rb).
	Name         string
	BindingName  string
	InstanceName string
	InstanceGUID string
}

// Environment reads an app's own variables and the services it is bound to. Most
// values are secrets.
func (c *Apps) Environment(ctx context.Context, app string) (*Environment, error) {
	// go-cfclient's type for this prints to stdout when a value is not a string.
	var raw struct {
		User   map[string]any `json:"environment_variables"`
		System struct {
			Services map[string][]struct {
				Name         string  `json:"name"`
				BindingName  *string `json:"binding_name"`
				InstanceName string  `json:"instance_name"`
				InstanceGUID string  `json:"instance_guid"`
			} `json:"VCAP_SERVICES"`
		} `json:"system_env_json"`
	}
	if err := c.client.get(ctx, "/v3/apps/"+app+"/env", nil, &raw); err != nil {
		return nil, fmt.Errorf("read the environment of app %s: %w", app, err)
	}
	env := &Environment{User: map[string]string{}}
	for name, value := range raw.User {
		env.User[name] = asText(value)
	}
	for _, label := range sortedKeys(raw.System.Services) {
		for _, s := range raw.System.Services[label] {
			env.Services = append(env.Services, BoundService{s.Name, deref(s.BindingName), s.InstanceName, s.InstanceGUID})
		}
	}
	return env, nil
}

// SetEnvironment sets variables of an app and leaves all others as they are; nil
// removes a variable. Running instances keep the values they were started with
// (CC API: Update environment variables).
func (c *Apps) SetEnvironment(ctx context.Context, app string, variables map[string]*string) error {
	path := "/v3/apps/" + app + "/environment_variables"
	_, err := c.client.write(ctx, http.MethodPatch, path, map[string]any{"var": variables}, nil)
	if err != nil && isAmbiguous(err) {
		var now struct {
			Var map[string]any `json:"var"`
		}
		if c.client.get(ctx, path, nil, &now) == nil {
			current := make(map[string]string, len(now.Var))
			for name, value := range now.Var {
				current[name] = asText(value)
			}
			if hasAll(current, variables) {
				return nil
			}
		}
	}
	if err != nil {
		return fmt.Errorf("set variables of app %s: %w", app, err)
	}
	return nil
}

func asText(value any) string {
	if text, is := value.(string); is {
		return text
	}
	b, _ := json.Marshal(value)
	return string(b)
}
