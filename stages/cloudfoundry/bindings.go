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

// Binding gives an app, or with a key a person, the credentials of a service
// instance.
type Binding struct {
	Metadata
	GUID string
	// Name is the name under which the app sees the instance; "": the instance's own.
	Name          string
	AppGUID       string
	InstanceGUID  string
	LastOperation Operation
}

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

// BindingFilter says whose bindings are meant; an empty field means any.
type BindingFilter struct{ App, Instance string }

// Bindings lists the bindings of apps.
func (c *Client) Bindings(ctx context.Context, of BindingFilter) ([]Binding, error) {
	if of == (BindingFilter{}) {
		return nil, errors.New("list bindings: neither an app nor a service instance is given")
	}
	all, err := list[resource.ServiceCredentialBinding](ctx, c, "/v3/service_credential_bindings", filter(
		"type", "app", "app_guids", of.App, "service_instance_guids", of.Instance))
	if err != nil {
		return nil, fmt.Errorf("list bindings: %w", err)
	}
	return each(all, bindingOf), nil
}

// KeysOf lists the service keys of an instance.
func (c *Client) KeysOf(ctx context.Context, instance string) ([]Binding, error) {
	all, err := list[resource.ServiceCredentialBinding](ctx, c, "/v3/service_credential_bindings", filter(
		"type", "key", "service_instance_guids", instance))
	if err != nil {
		return nil, fmt.Errorf("list keys of service instance %s: %w", instance, err)
	}
	return each(all, bindingOf), nil
}

// Bind binds an app to a service instance under a name ("": the instance's own)
// and waits for it. A binding of the same name that is there, or under way, is
// used. One of another name is refused: the name cannot be changed, and to unbind
// may take the credentials from a running app
// (cloud_controller_ng: app/actions/service_credential_binding_app_create.rb).
func (c *Client) Bind(ctx context.Context, app, instance, name string, parameters json.RawMessage) (*Binding, error) {
	binding, err := c.bind(ctx, app, instance, name, parameters)
	if err != nil {
		return nil, fmt.Errorf("bind app %s to service instance %s: %w", app, instance, err)
	}
	return binding, nil
}

func (c *Client) bind(ctx context.Context, app, instance, name string, parameters json.RawMessage) (*Binding, error) {
	there, err := c.binding(ctx, app, instance)
	if err != nil {
		return nil, err
	}
	if there == nil || there.LastOperation.Failed() {
		if err := c.postBinding(ctx, app, instance, name, parameters); err != nil {
			return nil, err
		}
	} else if there.Name != name {
		return nil, runner.Refuse("it is bound under the name %q already, not %q", there.Name, name)
	}
	return c.bound(ctx, app, instance)
}

func (c *Client) postBinding(ctx context.Context, app, instance, name string, parameters json.RawMessage) error {
	body := map[string]any{
		"type":          "app",
		"relationships": map[string]any{"app": to(app), "service_instance": to(instance)},
	}
	if name != "" {
		body["name"] = name
	}
	if len(parameters) > 0 {
		body["parameters"] = parameters
	}
	job, err := c.write(ctx, http.MethodPost, "/v3/service_credential_bindings", body, nil)
	if err == nil {
		return c.jobDone(ctx, job)
	}
	if IsNameTaken(err) || isAmbiguous(err) {
		if there, lookErr := c.binding(ctx, app, instance); lookErr == nil && there != nil && there.Name == name {
			return nil
		}
	}
	return err
}

func (c *Client) binding(ctx context.Context, app, instance string) (*Binding, error) {
	all, err := c.Bindings(ctx, BindingFilter{App: app, Instance: instance})
	return only(all, err)
}

// bound waits until the binding of an app has ended well.
func (c *Client) bound(ctx context.Context, app, instance string) (*Binding, error) {
	var now *Binding
	err := c.until(ctx, func(ctx context.Context) (bool, string, error) {
		var err error
		if now, err = c.binding(ctx, app, instance); err != nil {
			return false, "", err
		}
		if now == nil {
			return true, "", errors.New("the binding is gone")
		}
		if o := now.LastOperation; o.Failed() {
			return true, "", fmt.Errorf("the broker says: %s", c.redact.Redact(o.Description))
		}
		return now.LastOperation.Ended(), "bind " + now.LastOperation.State, nil
	})
	return now, err
}

// Unbind takes a binding or a key away and waits for it.
func (c *Client) Unbind(ctx context.Context, binding string) error {
	return c.remove(ctx, "/v3/service_credential_bindings/"+binding, "delete binding "+binding)
}

// ErrParametersHidden says that an offering does not tell the parameters of its
// bindings: there may be some, and they cannot be copied.
var ErrParametersHidden = errors.New("the offering does not tell the parameters of its bindings")

// codeNoParameters is the Cloud Controller's ServiceFetchBindingParametersNotSupported
// (cloud_controller_ng: errors/v2.yml).
const codeNoParameters = 90007

// BindingParameters returns the parameters that a binding was made with, as a JSON
// object. Where they cannot be known the error is ErrParametersHidden.
func (c *Client) BindingParameters(ctx context.Context, binding string) (json.RawMessage, error) {
	var parameters json.RawMessage
	err := c.get(ctx, "/v3/service_credential_bindings/"+binding+"/parameters", nil, &parameters)
	var e *Error
	if errors.As(err, &e) && e.Code == codeNoParameters {
		err = ErrParametersHidden
	}
	if err != nil {
		return nil, fmt.Errorf("read the parameters of binding %s: %w", binding, err)
	}
	return parameters, nil
}
