package cloudfoundry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/environ"
)

// Package is a docker image that was given to an app, before staging.
type Package struct {
	GUID string
	// State is READY or FAILED.
	State   string
	Image   string
	Created time.Time
}

// Droplet is what an app is started from: a staged package.
type Droplet struct {
	GUID, State string
	// Lifecycle is Docker or Buildpack.
	Lifecycle string
	// Image is the reference that each container is started from, as it was pushed:
	// it has a digest only if it was pushed with one. A tag is resolved in the registry
	// each time a container starts, and the platform does not report which digest it
	// got (cloud_controller_ng: app/models/runtime/droplet_model.rb,
	// docker_receipt_image).
	Image string
	// Checksum is of the bits that a buildpack made; "" for a docker image. Buildpacks
	// are those that made them.
	Checksum   string
	Buildpacks []string
	Created    time.Time
}

func packageOf(p resource.Package) Package {
	var data struct {
		Image string `json:"image"`
	}
	_ = json.Unmarshal(p.DataRaw, &data) // A buildpack app's package has no image.
	return Package{GUID: p.GUID, State: string(p.State), Image: data.Image, Created: p.CreatedAt}
}

func dropletOf(d resource.Droplet) Droplet {
	made := Droplet{
		GUID: d.GUID, State: string(d.State), Lifecycle: d.Lifecycle.Type, Image: deref(d.Image), Checksum: d.Checksum.Value, Created: d.CreatedAt,
	}
	for _, one := range d.Buildpacks {
		made.Buildpacks = append(made.Buildpacks, one.Name)
	}
	return made
}

// CurrentDroplet returns the droplet that an app starts from; nil if it has none.
func (c *Apps) CurrentDroplet(ctx context.Context, app string) (*Droplet, error) {
	var d resource.Droplet
	err := c.client.get(ctx, "/v3/apps/"+app+"/droplets/current", nil, &d)
	if IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the current droplet of app %s: %w", app, err)
	}
	droplet := dropletOf(d)
	return &droplet, nil
}

// DockerPackages lists an app's docker packages, newest first.
func (c *Apps) DockerPackages(ctx context.Context, app string) ([]Package, error) {
	all, err := list[resource.Package](ctx, c.client, "/v3/packages", filter("app_guids", app, "types", "docker", "order_by", "-created_at"))
	if err != nil {
		return nil, fmt.Errorf("list packages of app %s: %w", app, err)
	}
	return convert(all, packageOf), nil
}

// CreateDockerPackage gives an app an image, with the registry's user and password
// if the image needs them. Packages have no names: if it is not known whether the
// package was created, it is the app's newest package, provided that there is one
// more than before and that it has this image.
func (c *Apps) CreateDockerPackage(ctx context.Context, app, image, user string, password environ.Secret) (*Package, error) {
	c.client.redact.Add(password.Reveal())
	before, err := c.DockerPackages(ctx, app)
	if err != nil {
		return nil, err
	}
	body := resource.NewDockerPackageCreate(app, image, user, password.Reveal())
	var p resource.Package
	_, err = c.client.write(ctx, http.MethodPost, "/v3/packages", body, &p)
	if err != nil && isAmbiguous(err) {
		now, readErr := c.DockerPackages(ctx, app)
		if readErr == nil && len(now) > len(before) && now[0].Image == image {
			return &now[0], nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("create a package of %s for app %s: %w", image, app, err)
	}
	created := packageOf(p)
	return &created, nil
}

// ErrStaging means that the platform could not stage a package: the image does not
// exist, or the registry rejected the package's credentials.
var ErrStaging = errors.New("staging failed")

// Build stages a package and waits for the droplet. An existing droplet of the
// package, or a build in progress, is used.
func (c *Apps) Build(ctx context.Context, pkg string) (*Droplet, error) {
	droplet, err := c.build(ctx, pkg)
	if err != nil {
		return nil, fmt.Errorf("stage package %s: %w", pkg, err)
	}
	return droplet, nil
}

func (c *Apps) build(ctx context.Context, pkg string) (*Droplet, error) {
	staged, err := firstOrNil(list[resource.Droplet](ctx, c.client, "/v3/packages/"+pkg+"/droplets", filter("states", "STAGED", "order_by", "-created_at")))
	if err != nil {
		return nil, err
	}
	if staged != nil {
		droplet := dropletOf(*staged)
		return &droplet, nil
	}
	build, err := c.newestBuild(ctx, pkg, "STAGING")
	if err != nil {
		return nil, err
	}
	if build == "" {
		if build, err = c.startBuild(ctx, pkg); err != nil {
			return nil, err
		}
	}
	return c.waitForBuild(ctx, build)
}

// newestBuild returns the GUID of the newest build of a package in one of these
// states, or "".
func (c *Apps) newestBuild(ctx context.Context, pkg, states string) (string, error) {
	b, err := firstOrNil(list[resource.Build](ctx, c.client, "/v3/builds", filter("package_guids", pkg, "states", states, "order_by", "-created_at")))
	if err != nil || b == nil {
		return "", err
	}
	return b.GUID, nil
}

func (c *Apps) startBuild(ctx context.Context, pkg string) (string, error) {
	var b resource.Build
	_, err := c.client.write(ctx, http.MethodPost, "/v3/builds", resource.NewBuildCreate(pkg), &b)
	if err != nil && isAmbiguous(err) {
		// Before the request nothing was staged or in progress.
		if created, readErr := c.newestBuild(ctx, pkg, "STAGING,STAGED"); readErr == nil && created != "" {
			return created, nil
		}
	}
	return b.GUID, err
}

// waitForBuild waits until a build has ended and returns its droplet.
func (c *Apps) waitForBuild(ctx context.Context, build string) (*Droplet, error) {
	var b resource.Build
	err := c.client.poll(ctx, func(ctx context.Context) (bool, string, error) {
		b = resource.Build{}
		if err := c.client.get(ctx, "/v3/builds/"+build, nil, &b); err != nil {
			return false, "", err
		}
		switch b.State {
		case resource.BuildStateStaged:
			return true, "", nil
		case resource.BuildStateFailed:
			return true, "", fmt.Errorf("build %s: %w: %s", build, ErrStaging, c.client.redact.Redact(deref(b.Error)))
		}
		return false, "build " + string(b.State), nil
	})
	if err != nil {
		return nil, err
	}
	var d resource.Droplet
	if err := c.client.get(ctx, "/v3/droplets/"+url.PathEscape(guidOf(b.Droplet)), nil, &d); err != nil {
		return nil, err
	}
	droplet := dropletOf(d)
	return &droplet, nil
}

// SetCurrentDroplet sets the droplet that an app starts from next time.
func (c *Apps) SetCurrentDroplet(ctx context.Context, app, droplet string) error {
	_, err := c.client.write(ctx, http.MethodPatch, "/v3/apps/"+app+"/relationships/current_droplet", relationTo(droplet), nil)
	if err != nil && isAmbiguous(err) {
		if now, readErr := c.CurrentDroplet(ctx, app); readErr == nil && now != nil && now.GUID == droplet {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("set droplet %s on app %s: %w", droplet, app, err)
	}
	return nil
}
