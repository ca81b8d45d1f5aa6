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
func (c *Client) Target(ctx context.Context) (Target, error) {
	c.mu.Lock()
	known := c.target
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	org, err := firstOrNil(list[resource.Organization](ctx, c, "/v3/organizations", filter("names", c.settings.Org)))
	if err != nil {
		return Target{}, fmt.Errorf("find organisation %s: %w", c.settings.Org, err)
	}
	if org == nil {
		return Target{}, runner.Misconfigure("organisation %q (CF_ORG) does not exist, or this user has no role in it", c.settings.Org)
	}
	space, err := firstOrNil(list[resource.Space](ctx, c, "/v3/spaces", filter("names", c.settings.Space, "organization_guids", org.GUID)))
	if err != nil {
		return Target{}, fmt.Errorf("find space %s: %w", c.settings.Space, err)
	}
	if space == nil {
		return Target{}, runner.Misconfigure("space %q (CF_SPACE) does not exist in organisation %s, or this user has no role in it", c.settings.Space, org.Name)
	}
	found := Target{Org: org.Name, OrgGUID: org.GUID, Space: space.Name, SpaceGUID: space.GUID}
	c.mu.Lock()
	c.target = &found
	c.mu.Unlock()
	return found, nil
}
