// Package situation reads how a blue/green upgrade stands: where live traffic is and
// what a rollback costs from there, the subjects that tie an approval to a plan, and
// what a run leaves on the platform.
package situation

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
		if err == nil && now.Traffic != string(upgrade.ToNobody) {
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
			err = r.lost(ctx, &now)
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

// lost adds to a situation what this run made and somebody deleted. Until blue is off the
// live routes the stage that made it is reopened by the next one; from then on no stage
// goes on. A release puts its own app in green's place.
func (r *Reader) lost(ctx context.Context, now *runner.Situation) error {
	if r.run().GoesBack() {
		return nil
	}
	what, made := "", upgrade.GreenBuilt
	if r.run().Reached(upgrade.GreenBuilt) {
		if app, err := r.Live.Replacement(ctx); err != nil {
			return err
		} else if app == nil {
			what = "green"
		}
	}
	if r.Backing != nil && r.run().Reached(upgrade.ServiceCreated) {
		if service, err := r.newService(ctx); err != nil {
			return err
		} else if service == nil {
			what, made = "green's service", upgrade.ServiceCreated
		}
	}
	switch {
	case what == "":
	case r.run().Reached(upgrade.BlueOff):
		now.Blocked = what + ", which this run made, is deleted: roll back, and start again"
	default:
		now.Detail += "; " + what + ", which this run made, is deleted: the next stage reopens " + r.Called(r.run().StageOf(made))
	}
	return nil
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
		Next: "cf map-route " + name + " " + r.platform().Routes.Arguments(deleted.Route.Address),
	})
}

// betweenBlueAndGreen is the situation where nobody else is on the live routes. It
// gives the apps the names that they have now, and says which of them is not well.
func (r *Reader) betweenBlueAndGreen(ctx context.Context, b upgrade.Blue, traffic upgrade.Traffic) (runner.Situation, error) {
	back, err := r.rollbackCost(ctx, b, traffic)
	if err != nil {
		return runner.Situation{}, err
	}
	if traffic == upgrade.ToNobody {
		return situation(traffic, runner.Situation{Detail: r.Names.LiveRoute + " leads to no app", Back: back}), nil
	}
	var on []string
	if traffic != upgrade.ToGreen {
		on = append(on, b.App)
	}
	app, err := r.Live.Replacement(ctx)
	if err != nil {
		return runner.Situation{}, err
	}
	if traffic != upgrade.ToBlue && app != nil {
		on = append(on, app.GUID)
	}
	now := situation(traffic, runner.Situation{Back: back})
	health, err := upgrade.Answers(ctx, r.platform(), on...)
	if none, is := errors.AsType[*upgrade.Nobody](err); is {
		return r.nobody(now, none), nil
	}
	var said []string
	for _, h := range health {
		said = append(said, r.described(h, app, traffic))
	}
	now.Detail = strings.Join(said, " and ")
	return now, err
}

// described is an app on the live routes, with what is not well with it.
func (r *Reader) described(h upgrade.Health, replacement *cloudfoundry.App, traffic upgrade.Traffic) string {
	why := h.Why()
	switch {
	case replacement != nil && h.App == replacement.Name && !r.run().Owns(replacement.Metadata):
		h.App += ", released in green's place"
	case traffic == upgrade.ToBlue && why == "":
		return h.App + ", " + runner.Count(h.Wanted, "instance", "instances")
	}
	if why != "" {
		return h.App + " (" + why + ")"
	}
	return h.App
}

// nobody makes of a situation by where the live routes lead one where no app that they
// lead to answers. No stage goes on before one does; a rollback that has begun does.
func (r *Reader) nobody(now runner.Situation, none *upgrade.Nobody) runner.Situation {
	now.Traffic, now.Detail = string(upgrade.ToNobody), none.Why()
	if !r.run().GoesBack() {
		now.Blocked, now.Next = none.Error(), none.Cure()
	}
	return now
}
