package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// blue is what was live when the run began. Objects are known by their GUIDs:
// names change in the course of the run.
type blue struct {
	App         string `json:"app"`
	Name        string `json:"name"`
	Service     string `json:"service"`
	ServiceName string `json:"service_name"`
	BindingName string `json:"binding_name,omitempty"`
	// Image is the reference that the platform starts instances from: with a digest
	// where the release was pushed by one, else a tag, which somebody may move.
	Image     string      `json:"image"`
	Instances int         `json:"instances"`
	MemoryMB  int         `json:"memory_mb"`
	Routes    []liveRoute `json:"routes"`
}

type liveRoute struct {
	GUID    string `json:"guid"`
	Address string `json:"address"`
}

// recorded returns blue as the run has it.
func (s *Site) recorded() (blue, error) {
	var b blue
	if s.run == nil {
		return b, &runner.NotYet{Stage: stageCheckRelease, Why: "there is no run"}
	}
	if err := json.Unmarshal([]byte(s.run.Facts[factBlue]), &b); err != nil {
		return b, runner.Refuse("the record of run %s is damaged: its annotation %s cannot be read (%w); restore it, or go back by hand", s.run.ID, factBlue, err)
	}
	return b, nil
}

func (c *checkRelease) blueNow(ctx context.Context) (*blue, error) {
	if c.found != nil {
		return c.found, nil
	}
	route, err := c.cf.RouteByAddress(ctx, c.Settings.LiveRoute)
	if err != nil {
		return nil, err
	}
	if route == nil {
		return nil, runner.Misconfigure("there is no route %s in this space (LIVE_ROUTE)", c.Settings.LiveRoute)
	}
	if len(route.Destinations) != 1 {
		return nil, runner.Refuse("the live route %s leads to %d apps; a migration begins with one", c.Settings.LiveRoute, len(route.Destinations))
	}
	app, err := c.cf.App(ctx, route.Destinations[0].AppGUID)
	if err != nil {
		return nil, err
	}
	if app.Name != c.Settings.LiveApp {
		return nil, runner.Refuse("the live route %s leads to app %s, not %s (LIVE_APP): a release or an earlier migration is under way", c.Settings.LiveRoute, app.Name, c.Settings.LiveApp)
	}
	b := &blue{App: app.GUID, Name: app.Name}
	if err := errors.Join(c.describe(ctx, b), c.bound(ctx, b)); err != nil {
		return nil, err
	}
	c.found = b
	return b, nil
}

// describe adds image, size and routes.
func (c *checkRelease) describe(ctx context.Context, b *blue) error {
	process, err := c.cf.Process(ctx, b.App)
	if err != nil {
		return err
	}
	b.Instances, b.MemoryMB = process.Instances, process.MemoryMB
	droplet, err := c.cf.CurrentDroplet(ctx, b.App)
	if err != nil {
		return err
	}
	if droplet == nil || droplet.Image == "" {
		return runner.Refuse("app %s does not run a docker image; only docker apps can be built anew from what the platform knows", b.Name)
	}
	b.Image = droplet.Image
	routes, err := c.cf.RoutesOfApp(ctx, b.App)
	if err != nil {
		return err
	}
	for _, r := range routes {
		for _, d := range r.Destinations {
			if d.AppGUID != b.App {
				return runner.Refuse("the live app's route %s leads to %s as well; a migration begins with one app on each", r.Address, c.appName(ctx, d.AppGUID))
			}
		}
		b.Routes = append(b.Routes, liveRoute{r.GUID, r.Address})
	}
	return nil
}

// bound adds the Elasticsearch service.
func (c *checkRelease) bound(ctx context.Context, b *blue) error {
	bindings, err := c.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: b.App})
	if err != nil {
		return err
	}
	instance, err := c.cf.ServiceInstanceByName(ctx, c.Settings.Service)
	if err != nil {
		return err
	}
	if instance == nil {
		return runner.Refuse("there is no service %s in this space (SERVICE)", c.Settings.Service)
	}
	for _, binding := range bindings {
		if binding.InstanceGUID == instance.GUID {
			b.Service, b.ServiceName, b.BindingName = instance.GUID, instance.Name, binding.Name
			return nil
		}
	}
	return runner.Refuse("app %s is not bound to service %s (SERVICE)", b.Name, c.Settings.Service)
}

// sameImage sees that blue is what it was: a release that replaces the app's image
// in place leaves its GUID, and its routes, as they are.
func (s *Site) sameImage() runner.Task {
	return runner.Task{Name: "the old app has the image that it had", Do: func(ctx context.Context, o *runner.Observation) error {
		b, err := s.recorded()
		if err != nil {
			return err
		}
		droplet, err := s.cf.CurrentDroplet(ctx, b.App)
		if err != nil {
			return err
		}
		if droplet == nil {
			o.Say("the app is deleted")
			return nil
		}
		o.Say("%s", droplet.Image)
		if droplet.Image != b.Image {
			return runner.Refuse("app %s has image %s, and had %s when run %s began: somebody released in between", s.nameOf(ctx, b), droplet.Image, b.Image, s.run.ID)
		}
		return nil
	}}
}
