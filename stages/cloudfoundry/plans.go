package cloudfoundry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Plan is a plan of a service offering.
type Plan struct{ GUID, Name, Offering string }

// Plans lists the plans of an offering that are available in the space.
func (c *Services) Plans(ctx context.Context, offering string) ([]Plan, error) {
	t, err := c.client.Space.Target(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[resource.ServicePlan](ctx, c.client, "/v3/service_plans", filter(
		"service_offering_names", offering, "available", "true", "space_guids", t.SpaceGUID))
	if err != nil {
		return nil, fmt.Errorf("list the plans of %s: %w", offering, err)
	}
	return convert(all, func(p resource.ServicePlan) Plan { return Plan{p.GUID, p.Name, offering} }), nil
}

// PlanByName finds a plan of an offering that is available in the space. If it is
// not available, the error lists the plans that are.
func (c *Services) PlanByName(ctx context.Context, offering, name string) (*Plan, error) {
	all, err := c.Plans(ctx, offering)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(all))
	for _, p := range all {
		if p.Name == name {
			return &p, nil
		}
		names = append(names, p.Name)
	}
	if len(all) == 0 {
		return nil, runner.Misconfigure("no plan of offering %q is available in this space", offering)
	}
	slices.Sort(names)
	return nil, runner.Misconfigure("offering %s has no plan %q that is available in this space; it has %s", offering, name, strings.Join(names, ", "))
}

// Plan reads one plan and the name of its offering.
func (c *Services) Plan(ctx context.Context, guid string) (*Plan, error) {
	var p resource.ServicePlan
	if err := c.client.get(ctx, "/v3/service_plans/"+guid, nil, &p); err != nil {
		return nil, fmt.Errorf("read plan %s: %w", guid, err)
	}
	var offering resource.ServiceOffering
	if err := c.client.get(ctx, "/v3/service_offerings/"+guidOf(p.Relationships.ServiceOffering.Data), nil, &offering); err != nil {
		return nil, fmt.Errorf("read the offering of plan %s: %w", p.Name, err)
	}
	return &Plan{p.GUID, p.Name, offering.Name}, nil
}
