package cloudfoundry

import (
	"context"
	"fmt"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Target is the organisation and the space that the client works in.
type Target struct {
	Org, OrgGUID     string
	Space, SpaceGUID string
}

// Target finds the organisation and the space named in the settings. The result is kept.
func (c *Space) Target(ctx context.Context) (Target, error) {
	c.client.mu.Lock()
	known := c.client.target
	c.client.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	org, err := firstOrNil(list[resource.Organization](ctx, c.client, "/v3/organizations", filter("names", c.client.settings.Org)))
	if err != nil {
		return Target{}, fmt.Errorf("find organisation %s: %w", c.client.settings.Org, err)
	}
	if org == nil {
		return Target{}, runner.Misconfigure("organisation %q (CF_ORG) does not exist, or this user has no role in it", c.client.settings.Org)
	}
	space, err := firstOrNil(list[resource.Space](ctx, c.client, "/v3/spaces", filter("names", c.client.settings.Space, "organization_guids", org.GUID)))
	if err != nil {
		return Target{}, fmt.Errorf("find space %s: %w", c.client.settings.Space, err)
	}
	if space == nil {
		return Target{}, runner.Misconfigure("space %q (CF_SPACE) does not exist in organisation %s, or this user has no role in it", c.client.settings.Space, org.Name)
	}
	found := Target{Org: org.Name, OrgGUID: org.GUID, Space: space.Name, SpaceGUID: space.GUID}
	c.client.mu.Lock()
	c.client.target = &found
	c.client.mu.Unlock()
	return found, nil
}
