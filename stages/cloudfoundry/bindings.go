package cloudfoundry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Binding gives the credentials of a service instance to an app or, as a service
// key, to a person.
type Binding struct {
	Metadata
	GUID string
	// Name is the name under which the app sees the instance; "" means the instance's own.
	Name          string
	AppGUID       string
	InstanceGUID  string
	LastOperation Operation
}

const bindingsPath = "/v3/service_credential_bindings"

func bindingOf(b resource.ServiceCredentialBinding) Binding {
	out := Binding{Metadata: metadataOf(b.Metadata), GUID: b.GUID, Name: deref(b.Name), LastOperation: operationOf(b.LastOperation)}
	if b.Relationships.App != nil {
		out.AppGUID = guidOf(b.Relationships.App.Data)
	}
	if b.Relationships.ServiceInstance != nil {
		out.InstanceGUID = guidOf(b.Relationships.ServiceInstance.Data)
	}
	return out
}

// BindingFilter selects bindings by the GUIDs of their app and service instance; an
// empty field matches any.
type BindingFilter struct{ App, Instance string }

// Bindings lists the bindings of apps.
func (c *Services) Bindings(ctx context.Context, of BindingFilter) ([]Binding, error) {
	if of == (BindingFilter{}) {
		return nil, errors.New("list bindings: neither an app nor a service instance is given")
	}
	all, err := list[resource.ServiceCredentialBinding](ctx, c.client, bindingsPath, filter(
		"type", "app", "app_guids", of.App, "service_instance_guids", of.Instance))
	if err != nil {
		return nil, fmt.Errorf("list bindings: %w", err)
	}
	return convert(all, bindingOf), nil
}

// ServiceKeys lists the service keys of an instance.
func (c *Services) ServiceKeys(ctx context.Context, instance string) ([]Binding, error) {
	all, err := list[resource.ServiceCredentialBinding](ctx, c.client, bindingsPath, filter(
		"type", "key", "service_instance_guids", instance))
	if err != nil {
		return nil, fmt.Errorf("list keys of service instance %s: %w", instance, err)
	}
	return convert(all, bindingOf), nil
}

// Bind binds an app to a service instance under a name ("" means the instance's own)
// and waits for the binding. A binding with the same name that exists or is in
// progress is used. A binding with another name is refused: its name cannot be
// changed, and unbinding may take the credentials away from a running app
// (cloud_controller_ng: app/actions/service_credential_binding_app_create.rb).
func (c *Services) Bind(ctx context.Context, app, instance, name string, parameters json.RawMessage) (*Binding, error) {
	binding, err := c.bind(ctx, app, instance, name, parameters)
	if err != nil {
		return nil, fmt.Errorf("bind app %s to service instance %s: %w", app, instance, err)
	}
	return binding, nil
}

func (c *Services) bind(ctx context.Context, app, instance, name string, parameters json.RawMessage) (*Binding, error) {
	existing, err := c.binding(ctx, app, instance)
	if err != nil {
		return nil, err
	}
	if existing == nil || existing.LastOperation.Failed() {
		if err := c.postBinding(ctx, app, instance, name, parameters); err != nil {
			return nil, err
		}
	} else if existing.Name != name {
		return nil, runner.Refuse("the app is already bound under the name %q, not %q", existing.Name, name)
	}
	return c.waitForBinding(ctx, app, instance)
}

func (c *Services) postBinding(ctx context.Context, app, instance, name string, parameters json.RawMessage) error {
	body := map[string]any{
		"type":          "app",
		"relationships": map[string]any{"app": relationTo(app), "service_instance": relationTo(instance)},
	}
	if name != "" {
		body["name"] = name
	}
	if len(parameters) > 0 {
		body["parameters"] = parameters
	}
	job, err := c.client.write(ctx, http.MethodPost, bindingsPath, body, nil)
	if err == nil {
		return c.client.waitForJob(ctx, job)
	}
	if IsNameTaken(err) || isAmbiguous(err) {
		if existing, readErr := c.binding(ctx, app, instance); readErr == nil && existing != nil && existing.Name == name {
			return nil
		}
	}
	return err
}

func (c *Services) binding(ctx context.Context, app, instance string) (*Binding, error) {
	all, err := c.Bindings(ctx, BindingFilter{App: app, Instance: instance})
	return firstOrNil(all, err)
}

// waitForBinding waits until the binding has been created.
func (c *Services) waitForBinding(ctx context.Context, app, instance string) (*Binding, error) {
	var now *Binding
	err := c.client.poll(ctx, func(ctx context.Context) (bool, string, error) {
		var err error
		if now, err = c.binding(ctx, app, instance); err != nil {
			return false, "", err
		}
		if now == nil {
			return true, "", errors.New("the binding was deleted meanwhile")
		}
		if o := now.LastOperation; o.Failed() {
			return true, "", c.brokerError(o)
		}
		return now.LastOperation.Ended(), "bind " + now.LastOperation.State, nil
	})
	return now, err
}

// Unbind deletes a binding or a service key and waits until it is gone.
func (c *Services) Unbind(ctx context.Context, binding string) error {
	return c.client.remove(ctx, bindingsPath+"/"+binding, "delete binding "+binding)
}

// ErrParametersHidden means that the service offering does not let anybody read the
// parameters of its bindings: there may be some, and they cannot be copied.
var ErrParametersHidden = errors.New("the service offering does not support reading the parameters of bindings")

// codeNoParameters is the Cloud Controller's ServiceFetchBindingParametersNotSupported
// (cloud_controller_ng: errors/v2.yml).
const codeNoParameters = 90007

// BindingParameters returns the parameters that a binding was created with, as a
// JSON object. If they cannot be read the error is ErrParametersHidden.
func (c *Services) BindingParameters(ctx context.Context, binding string) (json.RawMessage, error) {
	var parameters json.RawMessage
	err := c.client.get(ctx, bindingsPath+"/"+binding+"/parameters", nil, &parameters)
	var e *Error
	if errors.As(err, &e) && e.Code == codeNoParameters {
		err = ErrParametersHidden
	}
	if err != nil {
		return nil, fmt.Errorf("read the parameters of binding %s: %w", binding, err)
	}
	return parameters, nil
}
