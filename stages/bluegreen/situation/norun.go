package situation

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// withoutRun is the situation before a run, and after one that is complete.
func (r *Reader) withoutRun(ctx context.Context) (runner.Situation, error) {
	none := situation(upgrade.Unknown, runner.Situation{Detail: "no run has begun", Back: "nothing to roll back"})
	lost, err := r.platform().Apps.ByLabel(ctx, upgrade.RoleLabel, upgrade.RoleGreen)
	if err != nil {
		return none, err
	}
	if len(lost) > 0 {
		return r.withoutRecord(lost[0]), nil
	}
	route, err := r.platform().Routes.ByAddress(ctx, r.Names.LiveRoute)
	if err != nil {
		return none, err
	}
	byHand := "cf map-route " + r.Names.LiveApp + " " + r.platform().Routes.Arguments(r.Names.LiveRoute)
	switch {
	case route == nil:
		return notBegun(upgrade.ToNobody, "there is no route "+r.Names.LiveRoute+" in this space (LIVE_ROUTE)", byHand), nil
	case len(route.Destinations) == 0:
		return notBegun(upgrade.ToNobody, route.Address+" leads to no app", byHand), nil
	case len(route.Destinations) > 1:
		return notBegun(upgrade.Unknown, fmt.Sprintf("%s leads to %d apps: a run begins with one", route.Address, len(route.Destinations)), "cf routes"), nil
	}
	app, err := r.platform().Apps.Get(ctx, route.Destinations[0].AppGUID)
	if err != nil {
		return none, err
	}
	last, err := r.run().Ended(ctx)
	if err != nil {
		return none, err
	}
	_, err = upgrade.Answers(ctx, r.platform(), app.GUID)
	nobody, unanswered := errors.AsType[*upgrade.Nobody](err)
	switch {
	case err != nil && !unanswered:
		return none, err
	case last != nil && !last.Back:
		none = r.complete(app.Name, last.Run)
	case app.Name != r.Names.LiveApp:
		none = notBegun(upgrade.ToOther, app.Name+" alone, and LIVE_APP is "+r.Names.LiveApp, "cf app "+app.Name)
	default:
		none.Traffic, none.Detail = string(upgrade.ToBlue), app.Name+" alone; no run has begun"
	}
	if unanswered {
		return r.nobody(none, nobody), nil
	}
	return none, nil
}

// notBegun is the situation before a run where none can begin: why not, and what a
// person types.
func notBegun(traffic upgrade.Traffic, why, next string) runner.Situation {
	return situation(traffic, runner.Situation{Detail: why + "; no run has begun", Blocked: why, Next: next, Back: "nothing to roll back"})
}

// withoutRecord is the situation where an app is green of a run whose record somebody
// deleted.
func (r *Reader) withoutRecord(green cloudfoundry.App) runner.Situation {
	lost := fmt.Sprintf("app %s is of run %s, whose record (service cutover-%s) is deleted", green.Name, green.Run(), r.Names.LiveApp)
	return situation(upgrade.Unknown, runner.Situation{
		Detail: lost, Back: "by hand only: no record says what was live",
		Blocked: lost + "; look which apps are on " + r.Names.LiveRoute + ", and unmap that one or remove its label " + upgrade.RoleLabel,
		Next:    "cf app " + green.Name,
	})
}

func (r *Reader) complete(app, run string) runner.Situation {
	return situation(upgrade.ToGreen, runner.Situation{Detail: app + "; run " + run + " is complete", Back: r.noRollback()})
}
