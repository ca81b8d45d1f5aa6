package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Carried is the check that each of blue's routes can be carried to green as it is: with
// a wildcard, a path, in whichever domain, without a host. Those that no router proves
// are refused by name, with what a person does with them. reserved are the addresses
// that lead to one app alone during the run, "" for none.
func (b *Beginning) Carried(reserved ...string) runner.Task {
	return runner.Task{Name: "every route of the live app can be carried", Do: func(ctx context.Context, o *runner.Observation) error {
		blue, err := b.Find(ctx)
		if err != nil {
			return err
		}
		c := carrier{platform: b.Run.o.Platform, blue: blue, domains: map[string]*cloudfoundry.Domain{}, reserved: reserved}
		routes, err := c.platform.Routes.OfApp(ctx, blue.App)
		if err != nil {
			return err
		}
		refused := []error{c.onePort(routes)}
		for _, route := range routes {
			why, err := c.refused(ctx, route)
			if err != nil {
				return err
			}
			if why != "" {
				refused = append(refused, errors.New(why))
			}
		}
		if err := errors.Join(refused...); err != nil {
			return runner.Refuse("%w", err)
		}
		o.Say("%s in %s", runner.Count(len(routes), "route", "routes"), runner.Count(len(c.domains), "domain", "domains"))
		return nil
	}}
}

// carrier looks at the routes of blue.
type carrier struct {
	platform *cloudfoundry.Client
	blue     Blue
	domains  map[string]*cloudfoundry.Domain
	reserved []string
}

// refused is why a route cannot be carried, with what to do; "" where it can.
func (c *carrier) refused(ctx context.Context, route cloudfoundry.Route) (string, error) {
	domain, known := c.domains[route.DomainGUID]
	if !known {
		var err error
		if domain, err = c.platform.Routes.Domain(ctx, route.DomainGUID); err != nil {
			return "", err
		}
		c.domains[route.DomainGUID] = domain
	}
	switch {
	case domain.Internal:
		return c.byHand(route, "is internal: it leads from app to app past the routers, which prove the others"), nil
	case domain.TCP || route.Port != 0:
		return c.byHand(route, "is a TCP port, on which nothing proves who answers"), nil
	}
	for _, d := range route.Destinations {
		if d.Process != "" && d.Process != "web" {
			return c.byHand(route, "leads to the process "+d.Process+": only web processes are switched"), nil
		}
	}
	for _, address := range c.reserved {
		host, _, _ := strings.Cut(address, "/")
		if route.Host == "*" && strings.HasSuffix(host, "."+route.Domain) {
			return fmt.Sprintf("%s covers %s, which must lead to one app alone: while that does not answer, the live app would; give it an address in another domain", route.Address, address), nil
		}
	}
	return "", nil
}

// byHand says what a person does with a route that is not carried: off before the run,
// and back on the app that serves after it.
func (c *carrier) byHand(route cloudfoundry.Route, why string) string {
	at := c.platform.Routes.Arguments(route.Address)
	return fmt.Sprintf("%s %s; before the run: cf unmap-route %s %s; after it: cf map-route %s %s", route.Address, why, c.blue.Name, at, c.blue.Name, at)
}

// onePort fails where the routes lead to several ports of blue: green listens on the one
// of its image, and another has to be opened with a restart.
func (c *carrier) onePort(routes []cloudfoundry.Route) error {
	var ports []int
	var said []string
	for _, route := range routes {
		for _, d := range route.Destinations {
			if !slices.Contains(ports, d.Port) {
				ports, said = append(ports, d.Port), append(said, fmt.Sprintf("%s to port %d", route.Address, d.Port))
			}
		}
	}
	if len(ports) < 2 {
		return nil
	}
	return fmt.Errorf("the routes lead to %d ports of %s, %s: green gets those of one; take the others off before the run with cf unmap-route, and map them after it", len(ports), c.blue.Name, strings.Join(said, ", "))
}
