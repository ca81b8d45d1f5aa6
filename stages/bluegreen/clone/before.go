package clone

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Before is what has to hold on the platform before a run begins, so that it does not
// stop half-way for want of room or of rights.
type Before struct {
	Platform *cloudfoundry.Client
	Run      *upgrade.Run
	// Find finds what is live; there is no record of it yet.
	Find func(context.Context) (upgrade.Blue, error)
}

// Room checks that the quotas leave room for a second app of blue's size and as many
// services. A run that exists uses part of the room already, so it is not asked again.
func (p *Before) Room(services int) runner.Task {
	return runner.Task{Name: "the quota has room for a second app and service", Do: func(ctx context.Context, o *runner.Observation) error {
		b, err := p.Find(ctx)
		if err != nil {
			return err
		}
		room, err := p.Platform.Space.Headroom(ctx)
		if err != nil {
			return err
		}
		if p.Run.Exists() {
			o.Say("not asked again: run %s may use part of it", p.Run.ID())
			return nil
		}
		memory := b.Instances * b.MemoryMB
		var all []error
		for _, n := range []struct {
			what      string
			want, has int
		}{
			{"MB of memory", memory, room.MemoryMB},
			{"instances", b.Instances, room.Instances},
			{"services", services, room.Services},
			{"routes", 2, room.Routes}, // the temporary one, and a rollback's private one
		} {
			if n.has != cloudfoundry.Unlimited && n.has < n.want {
				all = append(all, fmt.Errorf("%s: %d wanted, %d left", n.what, n.want, n.has))
			}
		}
		o.Say("%d MB for %s", memory, runner.Count(b.Instances, "instance", "instances"))
		return errors.Join(all...)
	}}
}

// Readable checks that blue's environment, which green gets, and its logs can be read.
func (p *Before) Readable() runner.Task {
	return runner.Task{Name: "the app's environment and logs can be read", Do: func(ctx context.Context, o *runner.Observation) error {
		b, err := p.Find(ctx)
		if err != nil {
			return err
		}
		if _, err := p.Platform.Apps.Environment(ctx, b.App); err != nil {
			return err
		}
		lines, err := p.Platform.Apps.RecentLogs(ctx, b.App, 10)
		if err != nil {
			return err
		}
		o.Say("%d recent log lines", len(lines))
		return nil
	}}
}
