package cloudfoundry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Staged is the state of a droplet that an app can be started from.
const Staged = "STAGED"

// Same reports whether two droplets hold the same: the same bits, or the same reference
// of an image.
func (d *Droplet) Same(other *Droplet) bool {
	return d.Lifecycle == other.Lifecycle && d.Image == other.Image && d.Checksum == other.Checksum
}

// What names what a droplet holds, for people: its image, or its GUID and buildpacks.
func (d *Droplet) What() string {
	switch {
	case d.Image != "":
		return "image " + d.Image
	case len(d.Buildpacks) == 0:
		return "droplet " + d.GUID
	}
	return "droplet " + d.GUID + " of " + strings.Join(d.Buildpacks, ", ")
}

// Droplet reads one droplet.
func (c *Apps) Droplet(ctx context.Context, guid string) (*Droplet, error) {
	var d resource.Droplet
	if err := c.client.get(ctx, "/v3/droplets/"+url.PathEscape(guid), nil, &d); err != nil {
		return nil, fmt.Errorf("read droplet %s: %w", guid, err)
	}
	droplet := dropletOf(d)
	return &droplet, nil
}

// Droplets lists an app's droplets, newest first.
func (c *Apps) Droplets(ctx context.Context, app string) ([]Droplet, error) {
	all, err := list[resource.Droplet](ctx, c.client, "/v3/apps/"+app+"/droplets", filter("order_by", "-created_at"))
	if err != nil {
		return nil, fmt.Errorf("list droplets of app %s: %w", app, err)
	}
	return convert(all, dropletOf), nil
}

// CopyDroplet gives an app a copy of another app's droplet and waits until it can be
// started from. A copy that is there, or under way, is used. A copy belongs to no package,
// and a docker image's has the registry's user and password of its source
// (cloud_controller_ng: app/actions/droplet_copy.rb).
func (c *Apps) CopyDroplet(ctx context.Context, source *Droplet, app string) (*Droplet, error) {
	droplet, err := c.copyDroplet(ctx, source, app)
	if err != nil {
		return nil, fmt.Errorf("copy droplet %s to app %s: %w", source.GUID, app, err)
	}
	return droplet, nil
}

func (c *Apps) copyDroplet(ctx context.Context, source *Droplet, app string) (*Droplet, error) {
	copied, err := c.copyOf(ctx, source, app)
	if err != nil || copied != nil {
		return copied, err
	}
	var d resource.Droplet
	_, err = c.client.write(ctx, http.MethodPost, "/v3/droplets?source_guid="+url.QueryEscape(source.GUID), resource.NewDropletCopy(app), &d)
	if err != nil && isAmbiguous(err) {
		if made, readErr := c.copyOf(ctx, source, app); readErr == nil && made != nil {
			return made, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return c.waitForCopy(ctx, d.GUID)
}

// copyOf is the app's copy of a droplet, once its bits are there; nil where there is none.
func (c *Apps) copyOf(ctx context.Context, source *Droplet, app string) (*Droplet, error) {
	all, err := c.Droplets(ctx, app)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.State == string(resource.DropletStateCopying) { // Its checksum is not there yet.
			made, err := c.waitForCopy(ctx, one.GUID)
			if err != nil && !errors.Is(err, ErrStaging) {
				return nil, err
			}
			if err == nil && made.Same(source) {
				return made, nil
			}
		}
	}
	at := slices.IndexFunc(all, func(d Droplet) bool { return d.State == Staged && d.Same(source) })
	if at < 0 {
		return nil, nil
	}
	return &all[at], nil
}

func (c *Apps) waitForCopy(ctx context.Context, guid string) (*Droplet, error) {
	var d *Droplet
	err := c.client.poll(ctx, func(ctx context.Context) (done bool, note string, err error) {
		if d, err = c.Droplet(ctx, guid); err != nil {
			return false, "", err
		}
		switch d.State {
		case Staged:
			return true, "", nil
		case string(resource.DropletStateCopying):
			return false, "droplet COPYING", nil
		}
		return true, "", fmt.Errorf("copy %s is %s: %w", guid, d.State, ErrStaging)
	})
	return d, err
}
