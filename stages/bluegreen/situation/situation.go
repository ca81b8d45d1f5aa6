// Package situation reads how a blue/green upgrade stands: where live traffic is and
// what a rollback costs from there, the subjects that tie an approval to a plan, and
// what a run leaves on the platform.
package situation

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Backing is blue's service and the one that replaces it.
type Backing interface {
	// Old reads blue's service; nil where it is deleted.
	Old(ctx context.Context, blue upgrade.Blue) (*cloudfoundry.ServiceInstance, error)
	// New finds the service that this run made; nil where there is none.
	New(ctx context.Context) (*cloudfoundry.ServiceInstance, error)
	// VariableBefore is the variable that tells blue its service's name, as it was
	// before the run changed it: value is nil where it was not set. name is "" where
	// the run has not changed it.
	VariableBefore() (name string, value *string, err error)
}

// Reader reads how an upgrade stands. It writes nothing.
type Reader struct {
	Live  *upgrade.Live
	Names bluegreen.Names
	// Backing is nil in a runbook that replaces no service.
	Backing Backing
	// CatchUp says that blue is brought up to date before it serves again.
	CatchUp bool
	// FindBlue reads what would be blue if a run began now, with its service.
	FindBlue func(context.Context) (upgrade.Blue, error)
	// Called is a stage with its number: "12. unmap-temporary-route".
	Called func(stage string) string
	// AppDeleted and ServiceDeleted are the milestones from when on the run's own
	// stages delete blue's app, and blue's service or whatever is left of blue.
	AppDeleted, ServiceDeleted upgrade.Milestone
}

func (r *Reader) platform() *cloudfoundry.Client { return r.Live.Pair.Platform }

func (r *Reader) run() *upgrade.Run { return r.Live.Pair.Run }

// oldService reads blue's service; nil where it is deleted, or where there is none.
func (r *Reader) oldService(ctx context.Context, b upgrade.Blue) (*cloudfoundry.ServiceInstance, error) {
	if r.Backing == nil {
		return nil, nil
	}
	return r.Backing.Old(ctx, b)
}

// newService reads green's service; nil where there is none.
func (r *Reader) newService(ctx context.Context) (*cloudfoundry.ServiceInstance, error) {
	if r.Backing == nil {
		return nil, nil
	}
	return r.Backing.New(ctx)
}

// Now reads where live traffic is, and what a rollback costs from there.
func (r *Reader) Now(ctx context.Context) (runner.Situation, error) {
	exists, err := r.run().Load(ctx)
	if err != nil {
		return runner.Situation{}, err
	}
	if !exists {
		now, err := r.withoutRun(ctx)
		if err == nil {
			err = r.halfWay(ctx, &now, nil)
		}
		return now, err
	}
	b, err := r.run().Blue()
	if err != nil {
		return runner.Situation{}, err
	}
	for _, route := range b.Routes {
		_, err := r.Live.Route(ctx, route)
		var deleted *upgrade.RouteDeleted
		if errors.As(err, &deleted) {
			return r.withoutRoute(ctx, b, deleted), nil
		}
		if err != nil {
			return runner.Situation{}, err
		}
	}
	for _, route := range b.Routes {
		if route.Address != r.Names.LiveRoute {
			continue
		}
		now, err := r.onLiveRoute(ctx, b, route)
		if err != nil || now.Blocked != "" || r.run().Reached(upgrade.Ended) {
			return now, err
		}
		if r.run().ReleaseAllowed() {
			err = r.halfWay(ctx, &now, b.Addresses())
		}
		if err == nil && now.Blocked == "" {
			now.Blocked, err = r.lost(ctx)
		}
		return now, err
	}
	return runner.Situation{}, fmt.Errorf("the run has no route %s", r.Names.LiveRoute)
}

// onLiveRoute is the situation by who is on the route by which blue was found.
func (r *Reader) onLiveRoute(ctx context.Context, b upgrade.Blue, route upgrade.LiveRoute) (runner.Situation, error) {
	replacement, err := r.Live.ReplacementGUID(ctx)
	if err != nil {
		return runner.Situation{}, err
	}
	traffic, stranger, err := r.Live.Where(ctx, b, replacement, route)
	switch {
	case err != nil:
		return runner.Situation{}, err
	case stranger == nil:
		return r.betweenBlueAndGreen(ctx, b, traffic)
	case r.run().Reached(upgrade.Ended):
		return r.complete(stranger.String(), r.run().ID()), nil
	case r.run().ReleaseAllowed():
		return situation(upgrade.ToOther, runner.Situation{
			Detail: stranger.String() + ": a release is under way, or stopped half-way",
			Back:   "not while the release is under way; once it has ended, or was repaired",
		}), nil
	}
	return r.releasedSince(ctx, b, replacement, *stranger)
}

// halfWay adds to a situation that the pipeline's own release is under way, or was cut
// off: releasing again would take the live routes from an app that serves.
func (r *Reader) halfWay(ctx context.Context, now *runner.Situation, live []string) error {
	half, err := release.FindHalfWay(ctx, r.platform(), r.Names.LiveApp, live)
	if err != nil || half == nil {
		return err
	}
	now.Detail = half.Serving + ": a release is under way, or stopped half-way"
	now.Blocked, now.Next = half.Error(), "once no release job runs: "+half.ByHand()
	return nil
}

// lost says what this run made and somebody deleted, without which no stage can go on;
// "" where all is there. A release puts its own app in green's place.
func (r *Reader) lost(ctx context.Context) (string, error) {
	if r.run().GoesBack() {
		return "", nil
	}
	const restart = ", which this run made, is deleted: roll back, and start again"
	if r.run().Reached(upgrade.GreenBuilt) {
		if app, err := r.Live.Replacement(ctx); err != nil || app == nil {
			return "green" + restart, err
		}
	}
	if r.Backing != nil && r.run().Reached(upgrade.ServiceCreated) {
		if service, err := r.newService(ctx); err != nil || service == nil {
			return "green's service" + restart, err
		}
	}
	return "", nil
}

func situation(t upgrade.Traffic, s runner.Situation) runner.Situation {
	s.Traffic = string(t)
	return s
}

// withoutRoute is the situation where somebody deleted a live route: nobody is
// reached there, and neither a stage nor a rollback goes on before it is created again.
func (r *Reader) withoutRoute(ctx context.Context, b upgrade.Blue, deleted *upgrade.RouteDeleted) runner.Situation {
	name := r.Live.Pair.BlueName(ctx, b)
	if green, err := r.Live.Pair.Green(ctx); err == nil && green != nil && r.run().Reached(upgrade.BlueOff) {
		name = green.Name
	}
	return situation(upgrade.ToNobody, runner.Situation{
		Detail: deleted.Error(), Blocked: deleted.Error(), Back: "only once that route exists",
		Next: "cf map-route " + name + " " + upgrade.RouteArguments(deleted.Route.Address),
	})
}

// betweenBlueAndGreen is the situation where nobody else is on the live routes. It
// gives the apps the names that they have now.
func (r *Reader) betweenBlueAndGreen(ctx context.Context, b upgrade.Blue, traffic upgrade.Traffic) (runner.Situation, error) {
	blue, green := r.Live.Pair.BlueName(ctx, b), r.Names.NewApp
	if app, err := r.Live.Replacement(ctx); err == nil && app != nil {
		green = app.Name
		if !r.run().Owns(app.Metadata) {
			green += ", released in green's place"
		}
	}
	detail := map[upgrade.Traffic]string{
		upgrade.ToBlue:   blue + ", " + runner.Count(b.Instances, "instance", "instances"),
		upgrade.ToBoth:   blue + " and " + green,
		upgrade.ToGreen:  green,
		upgrade.ToNobody: "the live route leads nowhere",
	}
	back, err := r.rollbackCost(ctx, b, traffic)
	return situation(traffic, runner.Situation{Detail: detail[traffic], Back: back}), err
}
