package proof

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Measure adds to the routes of blue with a path what blue answers there, where that
// is none of what Served knows: an app need have nothing at the path itself.
func (p *Prober) Measure(ctx context.Context, b *upgrade.Blue) {
	for i, route := range b.Routes {
		if !strings.Contains(route.Address, "/") {
			continue
		}
		a, err := p.one(ctx, b.App, route)
		if err == nil && a.Fault == "" && a.Status < http.StatusInternalServerError && Served(a) != nil {
			b.Routes[i].Answer = a.Status
		}
	}
}

// Provable is the check that blue answers on each of its routes as a proof wants it:
// where it does not, nothing could prove that green does.
func (p *Prober) Provable(find func(context.Context) (upgrade.Blue, error)) runner.Task {
	return runner.Task{Name: "the live app answers on every route, so that each can be proved", Do: func(ctx context.Context, o *runner.Observation) error {
		b, err := find(ctx)
		if err != nil {
			return err
		}
		said := []string{runner.Count(len(b.Routes), "route", "routes")}
		var all []error
		for _, route := range b.Routes {
			a, err := p.one(ctx, b.App, route)
			if err == nil {
				err = Served(a)
			}
			if err != nil {
				all = append(all, fmt.Errorf("%s: %w", route.Address, err))
			}
			if route.Answer != 0 {
				said = append(said, fmt.Sprintf("%s answers %d, and so must green", route.Address, route.Answer))
			}
		}
		o.Say("%s", strings.Join(said, "; "))
		return errors.Join(all...)
	}}
}

// one asks the first instance of an app on a route.
func (p *Prober) one(ctx context.Context, app string, route upgrade.LiveRoute) (Answer, error) {
	a, err := p.send(ctx, route.Address, http.Header{InstanceHeader: {Instance(app, 0)}})
	a.usual = route.Answer
	return a, err
}
