package situation

import (
	"context"
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
	if route == nil {
		none.Detail = "there is no route " + r.Names.LiveRoute + " in this space (LIVE_ROUTE); no run has begun"
		return none, nil
	}
	if len(route.Destinations) != 1 {
		none.Detail = fmt.Sprintf("%s leads to %s; no run has begun", route.Address, runner.Count(len(route.Destinations), "app", "apps"))
		return none, nil
	}
	app, err := r.platform().Apps.Get(ctx, route.Destinations[0].AppGUID)
	if err != nil {
		return none, err
	}
	last, err := r.run().Ended(ctx)
	if err != nil {
		return none, err
	}
	if last != nil && !last.Back {
		return r.complete(app.Name, last.Run), nil
	}
	none.Traffic, none.Detail = string(upgrade.ToBlue), app.Name+" alone; no run has begun"
	if app.Name != r.Names.LiveApp {
		none.Traffic, none.Detail = string(upgrade.ToOther), app.Name+" alone, and LIVE_APP is "+r.Names.LiveApp+"; no run has begun"
	}
	return none, nil
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
