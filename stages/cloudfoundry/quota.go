package cloudfoundry

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Unlimited is a headroom without a limit.
const Unlimited = -1

// Headroom is what the quotas of the organisation and the space leave to be used,
// whichever leaves less. Unlimited is -1.
type Headroom struct{ MemoryMB, Instances, Services, Routes int }

type quota struct {
	Apps     resource.AppsQuota     `json:"apps"`
	Services resource.ServicesQuota `json:"services"`
	Routes   resource.RoutesQuota   `json:"routes"`
}

// quotaOwner is an organisation or a space.
type quotaOwner struct {
	Relationships struct {
		Quota resource.ToOneRelationship `json:"quota"`
	} `json:"relationships"`
}

// Headroom reads the quotas and how much of them is used (CC API: Get usage summary
// for an organization, for a space).
func (c *Space) Headroom(ctx context.Context) (Headroom, error) {
	t, err := c.Target(ctx)
	if err != nil {
		return Headroom{}, err
	}
	ofOrg, orgErr := c.headroomUnder(ctx, "/v3/organizations/"+t.OrgGUID, "/v3/organization_quotas/")
	ofSpace, spaceErr := c.headroomUnder(ctx, "/v3/spaces/"+t.SpaceGUID, "/v3/space_quotas/")
	if err := errors.Join(orgErr, spaceErr); err != nil {
		return Headroom{}, fmt.Errorf("read the quotas and their usage: %w", err)
	}
	return Headroom{
		MemoryMB:  smaller(ofOrg.MemoryMB, ofSpace.MemoryMB),
		Instances: smaller(ofOrg.Instances, ofSpace.Instances),
		Services:  smaller(ofOrg.Services, ofSpace.Services),
		Routes:    smaller(ofOrg.Routes, ofSpace.Routes),
	}, nil
}

// headroomUnder reads the headroom that the quota of one organisation or space leaves.
// Without a quota everything is unlimited; that is usual for a space.
func (c *Space) headroomUnder(ctx context.Context, owner, quotas string) (Headroom, error) {
	var o quotaOwner
	if err := c.client.get(ctx, owner, nil, &o); err != nil {
		return Headroom{}, err
	}
	if o.Relationships.Quota.Data == nil || o.Relationships.Quota.Data.GUID == "" {
		return Headroom{Unlimited, Unlimited, Unlimited, Unlimited}, nil
	}
	var limit quota
	if err := c.client.get(ctx, quotas+url.PathEscape(o.Relationships.Quota.Data.GUID), nil, &limit); err != nil {
		return Headroom{}, err
	}
	var used struct {
		Summary resource.UsageSummary `json:"usage_summary"`
	}
	if err := c.client.get(ctx, owner+"/usage_summary", nil, &used); err != nil {
		return Headroom{}, err
	}
	return Headroom{
		MemoryMB:  remaining(limit.Apps.TotalMemoryInMB, used.Summary.MemoryInMb),
		Instances: remaining(limit.Apps.TotalInstances, used.Summary.StartedInstances),
		Services:  remaining(limit.Services.TotalServiceInstances, used.Summary.ServiceInstances),
		Routes:    remaining(limit.Routes.TotalRoutes, used.Summary.Routes),
	}, nil
}

// remaining is never negative: a quota can be set below what is in use.
func remaining(limit *int, used int) int {
	if limit == nil {
		return Unlimited
	}
	return max(*limit-used, 0)
}

func smaller(a, b int) int {
	if a == Unlimited {
		return b
	}
	if b == Unlimited {
		return a
	}
	return min(a, b)
}
