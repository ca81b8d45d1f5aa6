package cloudfoundry

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Target is where we work: one space of one organisation.
type Target struct {
	Org, OrgGUID     string
	Space, SpaceGUID string
}

// Target finds the organisation and the space of the settings; it asks once.
func (c *Client) Target(ctx context.Context) (Target, error) {
	c.mu.Lock()
	known := c.target
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	org, err := only(list[resource.Organization](ctx, c, "/v3/organizations", filter("names", c.settings.Org)))
	if err != nil {
		return Target{}, fmt.Errorf("find organisation %s: %w", c.settings.Org, err)
	}
	if org == nil {
		return Target{}, runner.Misconfigure("organisation %q (CF_ORG) is not there, or we have no part in it", c.settings.Org)
	}
	space, err := only(list[resource.Space](ctx, c, "/v3/spaces", filter("names", c.settings.Space, "organization_guids", org.GUID)))
	if err != nil {
		return Target{}, fmt.Errorf("find space %s: %w", c.settings.Space, err)
	}
	if space == nil {
		return Target{}, runner.Misconfigure("space %q (CF_SPACE) is not in organisation %s, or we have no part in it", c.settings.Space, org.Name)
	}
	found := Target{Org: org.Name, OrgGUID: org.GUID, Space: space.Name, SpaceGUID: space.GUID}
	c.mu.Lock()
	c.target = &found
	c.mu.Unlock()
	return found, nil
}

// Unlimited is the room where there is no limit.
const Unlimited = -1

// Room is what the quotas of organisation and space leave, whichever is less.
// Unlimited is -1.
type Room struct {
	MemoryMB, Instances, Services, Routes int
	// ProcessMemoryMB is the most that one process may have.
	ProcessMemoryMB int
	// PaidServices tells whether plans that cost money may be used.
	PaidServices bool
}

type quota struct {
	Apps     resource.AppsQuota     `json:"apps"`
	Services resource.ServicesQuota `json:"services"`
	Routes   resource.RoutesQuota   `json:"routes"`
}

type holder struct {
	Relationships struct {
		Quota resource.ToOneRelationship `json:"quota"`
	} `json:"relationships"`
}

// Room reads the quotas and what is used of them (CC API: Get usage summary of an
// organization, of a space).
func (c *Client) Room(ctx context.Context) (Room, error) {
	t, err := c.Target(ctx)
	if err != nil {
		return Room{}, err
	}
	ofOrg, orgErr := c.roomIn(ctx, "/v3/organizations/"+t.OrgGUID, "/v3/organization_quotas/")
	ofSpace, spaceErr := c.roomIn(ctx, "/v3/spaces/"+t.SpaceGUID, "/v3/space_quotas/")
	if err := errors.Join(orgErr, spaceErr); err != nil {
		return Room{}, fmt.Errorf("read what the quotas leave: %w", err)
	}
	return Room{
		MemoryMB:        less(ofOrg.MemoryMB, ofSpace.MemoryMB),
		Instances:       less(ofOrg.Instances, ofSpace.Instances),
		Services:        less(ofOrg.Services, ofSpace.Services),
		Routes:          less(ofOrg.Routes, ofSpace.Routes),
		ProcessMemoryMB: less(ofOrg.ProcessMemoryMB, ofSpace.ProcessMemoryMB),
		PaidServices:    ofOrg.PaidServices && ofSpace.PaidServices,
	}, nil
}

// roomIn is the room that one quota leaves; without a quota all is unlimited,
// which is usual for a space.
func (c *Client) roomIn(ctx context.Context, of, quotas string) (Room, error) {
	var at holder
	if err := c.get(ctx, of, nil, &at); err != nil {
		return Room{}, err
	}
	if at.Relationships.Quota.Data == nil || at.Relationships.Quota.Data.GUID == "" {
		return Room{Unlimited, Unlimited, Unlimited, Unlimited, Unlimited, true}, nil
	}
	var limit quota
	if err := c.get(ctx, quotas+url.PathEscape(at.Relationships.Quota.Data.GUID), nil, &limit); err != nil {
		return Room{}, err
	}
	var used struct {
		Summary resource.UsageSummary `json:"usage_summary"`
	}
	if err := c.get(ctx, of+"/usage_summary", nil, &used); err != nil {
		return Room{}, err
	}
	return Room{
		MemoryMB:        left(limit.Apps.TotalMemoryInMB, used.Summary.MemoryInMb),
		Instances:       left(limit.Apps.TotalInstances, used.Summary.StartedInstances),
		Services:        left(limit.Services.TotalServiceInstances, used.Summary.ServiceInstances),
		Routes:          left(limit.Routes.TotalRoutes, used.Summary.Routes),
		ProcessMemoryMB: left(limit.Apps.PerProcessMemoryInMB, 0),
		PaidServices:    limit.Services.PaidServicesAllowed,
	}, nil
}

// left is never below zero: a quota can be set below what is in use.
func left(limit *int, used int) int {
	if limit == nil {
		return Unlimited
	}
	return max(*limit-used, 0)
}

func less(a, b int) int {
	if a == Unlimited {
		return b
	}
	if b == Unlimited {
		return a
	}
	return min(a, b)
}
