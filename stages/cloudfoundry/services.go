package cloudfoundry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Operation is the last operation of the platform or a service broker on a service
// instance or binding. It may be in progress.
type Operation struct {
	// Type is "create", "update" or "delete".
	Type string
	// State is "initial", "in progress", "succeeded" or "failed".
	State string
	// Description is the broker's.
	Description string
}

// Ended reports whether it has succeeded or failed.
func (o Operation) Ended() bool { return o.State == "succeeded" || o.State == "failed" }

// Failed reports whether it has failed.
func (o Operation) Failed() bool { return o.State == "failed" }

func operationOf(o resource.LastOperation) Operation {
	return Operation{o.Type, o.State, o.Description}
}

// ServiceInstance is an instance of a service offering, or user-provided.
type ServiceInstance struct {
	Metadata
	GUID, Name string
	// Type is "managed" or "user-provided".
	Type          string
	PlanGUID      string
	Tags          []string
	LastOperation Operation
	Created       time.Time
}

func serviceInstanceOf(s resource.ServiceInstance) ServiceInstance {
	out := ServiceInstance{
		Metadata: metadataOf(s.Metadata), GUID: s.GUID, Name: s.Name, Type: s.Type, Tags: s.Tags,
		LastOperation: operationOf(s.LastOperation), Created: s.CreatedAt,
	}
	if s.Relationships.ServicePlan != nil {
		out.PlanGUID = guidOf(s.Relationships.ServicePlan.Data)
	}

	return out
}

// ServiceInstance reads one service instance.
func (c *Services) ServiceInstance(ctx context.Context, guid string) (*ServiceInstance, error) {
	var s resource.ServiceInstance
	if err := c.client.get(ctx, "/v3/service_instances/"+guid, nil, &s); err != nil {
		return nil, fmt.Errorf("read service instance %s: %w", guid, err)
	}
	instance := serviceInstanceOf(s)
	return &instance, nil
}

// ServiceInstanceByName finds the service instance with that name in the space; nil
// if there is none.
func (c *Services) ServiceInstanceByName(ctx context.Context, name string) (*ServiceInstance, error) {
	found, err := c.serviceInstances(ctx, "names", name)
	if err != nil {
		return nil, fmt.Errorf("find service instance %s: %w", name, err)
	}
	return firstOrNil(found, nil)
}

// ServiceInstancesByLabel lists the service instances in the space that have the
// label with that value.
func (c *Services) ServiceInstancesByLabel(ctx context.Context, label, value string) ([]ServiceInstance, error) {
	found, err := c.serviceInstances(ctx, "label_selector", label+"="+value)
	if err != nil {
		return nil, fmt.Errorf("list service instances with label %s=%s: %w", label, value, err)
	}
	return found, nil
}

// AllServiceInstances lists the service instances in the space, sorted by name.
func (c *Services) AllServiceInstances(ctx context.Context) ([]ServiceInstance, error) {
	found, err := c.serviceInstances(ctx, "order_by", "name")
	if err != nil {
		return nil, fmt.Errorf("list service instances: %w", err)
	}
	return found, nil
}

func (c *Services) serviceInstances(ctx context.Context, key, value string) ([]ServiceInstance, error) {
	t, err := c.client.Space.Target(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[resource.ServiceInstance](ctx, c.client, "/v3/service_instances", filter(key, value, "space_guids", t.SpaceGUID))
	return convert(all, serviceInstanceOf), err
}

// CreateServiceInstance creates a managed instance. It does not wait until the
// instance is ready: a broker may take hours, and any later process can read the
// state in the instance's LastOperation.
func (c *Services) CreateServiceInstance(ctx context.Context, name, plan string, parameters json.RawMessage, labels map[string]string) (*ServiceInstance, error) {
	t, err := c.client.Space.Target(ctx)
	if err != nil {
		return nil, err
	}
	body := map[string]any{
		"type": "managed", "name": name,
		"relationships": map[string]any{"space": relationTo(t.SpaceGUID), "service_plan": relationTo(plan)},
	}
	if len(parameters) > 0 {
		body["parameters"] = parameters
	}
	return c.createInstance(ctx, name, body, labels, nil)
}

// CreateUserProvided creates a user-provided service instance without credentials:
// only a name, which is unique in the space, with labels and annotations.
func (c *Services) CreateUserProvided(ctx context.Context, name string, labels, annotations map[string]string) (*ServiceInstance, error) {
	t, err := c.client.Space.Target(ctx)
	if err != nil {
		return nil, err
	}
	body := map[string]any{
		"type": "user-provided", "name": name,
		"relationships": map[string]any{"space": relationTo(t.SpaceGUID)},
	}
	return c.createInstance(ctx, name, body, labels, annotations)
}

func (c *Services) createInstance(ctx context.Context, name string, body map[string]any, labels, annotations map[string]string) (*ServiceInstance, error) {
	if m := newMetadata(labels, annotations); m != nil {
		body["metadata"] = m
	}
	byName := func(ctx context.Context) (*ServiceInstance, error) { return c.ServiceInstanceByName(ctx, name) }
	instance, err := create(ctx, labels, func() (*ServiceInstance, error) {
		var s resource.ServiceInstance
		job, err := c.client.write(ctx, http.MethodPost, "/v3/service_instances", body, &s)
		if err != nil {
			return nil, err
		}
		if job == "" {
			created := serviceInstanceOf(s)
			return &created, nil
		}
		// The response is a job, which does not name the instance. The instance already
		// exists: it is written to the database before the job is queued
		// (cloud_controller_ng: app/controllers/v3/service_instances_controller.rb).
		created, err := byName(ctx)
		if err == nil && created == nil {
			err = c.client.waitForJob(ctx, job)
			if err == nil {
				err = errors.New("the platform accepted the request, but there is no instance with that name")
			}
		}
		return created, err
	}, byName)
	if err != nil {
		return nil, fmt.Errorf("create service instance %s: %w", name, err)
	}
	return instance, nil
}

// AwaitServiceInstance waits until the last operation of an instance has ended, and
// returns the instance. The operation may have failed: see LastOperation.
func (c *Services) AwaitServiceInstance(ctx context.Context, guid string) (*ServiceInstance, error) {
	var now *ServiceInstance
	err := c.client.poll(ctx, func(ctx context.Context) (bool, string, error) {
		found, err := c.ServiceInstance(ctx, guid)
		if err != nil {
			return false, "", err
		}
		now = found
		o := found.LastOperation
		return o.Ended(), fmt.Sprintf("%s %s %s", o.Type, o.State, o.Description), nil
	})
	return now, err
}

// DeleteServiceInstance deletes an instance, its bindings and its keys
// (cloud_controller_ng: app/actions/v3/service_instance_delete.rb), and waits until
// it is gone. It does not check whether an app is bound: check Bindings first.
func (c *Services) DeleteServiceInstance(ctx context.Context, guid string) error {
	return c.client.remove(ctx, "/v3/service_instances/"+guid, "delete service instance "+guid)
}

// RenameServiceInstance changes an instance's name and nothing else. Apps that are
// bound to it see the new name when they are started next.
func (c *Services) RenameServiceInstance(ctx context.Context, guid, name string) error {
	err := c.client.Space.patch(ctx, "/v3/service_instances/"+guid, map[string]any{"name": name}, func(now object) bool { return now.Name == name })
	if err != nil {
		return fmt.Errorf("rename service instance %s to %s: %w", guid, name, err)
	}
	return nil
}
