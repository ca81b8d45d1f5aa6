package names

import (
	"context"
	"errors"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// NotTaken is the check before a run begins that nothing has a name or an address that
// the run will give. Names that are empty are not asked for.
func (n *Names) NotTaken(run *upgrade.Run, of bluegreen.Names) runner.Task {
	return runner.Task{Name: "no name is taken", Do: func(ctx context.Context, o *runner.Observation) error {
		var free []string
		var all []error
		for _, kind := range []struct {
			name  string
			names []string
			find  func(context.Context, string) (*cloudfoundry.Metadata, error)
		}{
			{"app", []string{of.NewApp, of.OldApp}, n.appNamed},
			{"service", []string{of.NewService, of.OldService}, n.serviceNamed},
			{"route", []string{of.TemporaryRoute, of.PrivateRoute}, n.routeAt},
		} {
			for _, name := range kind.names {
				if name == "" {
					continue
				}
				found, err := kind.find(ctx, name)
				if err != nil {
					return err
				}
				if found != nil && !run.Owns(*found) {
					all = append(all, run.NotOurs(kind.name, name, *found))
				}
				free = append(free, name)
			}
		}
		last := len(free) - 1
		o.Say("%s and %s are free", strings.Join(free[:last], ", "), free[last])
		return errors.Join(all...)
	}}
}

func (n *Names) appNamed(ctx context.Context, name string) (*cloudfoundry.Metadata, error) {
	app, err := n.platform.Apps.ByName(ctx, name)
	if err != nil || app == nil {
		return nil, err
	}
	return &app.Metadata, nil
}

func (n *Names) serviceNamed(ctx context.Context, name string) (*cloudfoundry.Metadata, error) {
	instance, err := n.platform.Services.ServiceInstanceByName(ctx, name)
	if err != nil || instance == nil {
		return nil, err
	}
	return &instance.Metadata, nil
}

func (n *Names) routeAt(ctx context.Context, address string) (*cloudfoundry.Metadata, error) {
	route, err := n.platform.Routes.ByAddress(ctx, address)
	if err != nil || route == nil {
		return nil, err
	}
	return &route.Metadata, nil
}
