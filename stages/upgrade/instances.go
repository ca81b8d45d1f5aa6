package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Routable counts the instances of an app that the routers send requests to.
func Routable(ctx context.Context, platform *cloudfoundry.Client, app string) (int, []cloudfoundry.Instance, error) {
	instances, err := platform.Apps.Instances(ctx, app)
	if err != nil {
		return 0, nil, err
	}
	n := 0
	for _, i := range instances {
		if i.State == "RUNNING" && i.Routable {
			n++
		}
	}
	return n, instances, nil
}

// States are the states of instances, for people; "none" where there are none.
func States(instances []cloudfoundry.Instance) string {
	var all []string
	for _, i := range instances {
		all = append(all, i.State)
	}
	return cmp.Or(strings.Join(all, ", "), "none")
}

// AllRun checks that every instance of an app takes requests.
func AllRun(ctx context.Context, platform *cloudfoundry.Client, o *runner.Observation, app *cloudfoundry.App) error {
	process, err := platform.Apps.Process(ctx, app.GUID)
	if err != nil {
		return err
	}
	ready, _, err := Routable(ctx, platform, app.GUID)
	if err != nil {
		return err
	}
	o.Say("%d of %s", ready, runner.Count(process.Instances, "instance", "instances"))
	if ready < max(process.Instances, 1) {
		return fmt.Errorf("%d of %s of %s run", ready, runner.Count(process.Instances, "instance", "instances"), app.Name)
	}
	return nil
}

// LastLines are an app's last log lines without those of the routers: what it said
// before it crashed.
func LastLines(ctx context.Context, platform *cloudfoundry.Client, app string) string {
	logs, err := platform.Apps.RecentLogs(ctx, app, 200)
	if err != nil {
		return "cannot read the app's log: " + err.Error()
	}
	var out []string
	for _, line := range logs {
		if line.Source != "RTR" {
			out = append(out, line.At.UTC().Format("15:04:05 ")+line.Source+" "+line.Text)
		}
	}
	return strings.Join(out[max(0, len(out)-30):], "\n")
}
