package situation

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// RollbackCost is the task that reports what a rollback costs at this point, for the
// record.
func (r *Reader) RollbackCost() runner.Task {
	return runner.Task{Name: "what a rollback costs from here, for the record", Do: func(ctx context.Context, o *runner.Observation) error {
		now, err := r.Now(ctx)
		o.Say("%s", now.Back)
		return err
	}}
}

// rollbackCost says what a rollback costs and where it ends, by what is left of blue.
func (r *Reader) rollbackCost(ctx context.Context, b upgrade.Blue, traffic upgrade.Traffic) (string, error) {
	app, err := r.Live.Pair.App(ctx, b.App)
	if err != nil {
		return "", err
	}
	service, err := r.oldService(ctx, b)
	if err != nil {
		return "", err
	}
	switch {
	case r.Backing != nil && service == nil:
		return r.noRollback(), nil
	case app == nil && r.run().BlueCanBeRebuilt():
		return "safe, minutes: " + r.mapped("blue is rebuilt from "+b.From().What()+against(service)) + "; then the names go back", nil
	case app == nil && service != nil:
		return "by hand only: blue is deleted, its service " + service.Name + " is there; push " + b.From().What() + " against it", nil
	case app == nil:
		return "by hand only: blue is deleted; push " + b.From().What(), nil
	}
	after, err := r.afterRollback(ctx, b, app, service)
	if err != nil {
		return "", err
	}
	if app.State != cloudfoundry.Started && traffic != upgrade.ToBlue {
		return "safe, minutes: " + r.mapped("blue is started") + after, nil
	}
	return map[upgrade.Traffic]string{
		upgrade.ToBlue:   "safe, seconds: live traffic is not touched; what was made for the run is removed",
		upgrade.ToBoth:   "safe, seconds: green is unmapped from the live routes",
		upgrade.ToGreen:  "safe, seconds to minutes: " + r.runs(),
		upgrade.ToNobody: "urgent: it maps blue again",
	}[traffic] + after, nil
}

// mapped adds to what is done to blue that it gets the live traffic again.
func (r *Reader) mapped(done string) string {
	if r.CatchUp {
		return done + ", caught up and mapped again"
	}
	return done + " and mapped again"
}

func (r *Reader) runs() string {
	if r.CatchUp {
		return "blue runs; it is caught up and mapped again"
	}
	return "blue runs; it is mapped again"
}

// noRollback is why there is no rollback once the run is complete.
func (r *Reader) noRollback() string {
	if r.Backing == nil {
		return "there is no rollback: blue is deleted"
	}
	return "there is no rollback: blue's service is deleted"
}

// afterRollback says what a rollback does besides moving the traffic.
func (r *Reader) afterRollback(ctx context.Context, b upgrade.Blue, app *cloudfoundry.App, service *cloudfoundry.ServiceInstance) (string, error) {
	after := ""
	if app.Name != b.Name || service != nil && service.Name != b.ServiceName {
		after = "; then the names go back"
	}
	released, err := r.Live.ReleasedApp(ctx)
	if err != nil {
		return "", err
	}
	if released != nil {
		after += "; the released app stays, as " + r.Names.ReleasedApp
	}
	return after, nil
}

func against(service *cloudfoundry.ServiceInstance) string {
	if service == nil {
		return ""
	}
	return " against service " + service.Name
}
