package report

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Watched are the objects whose changes by others are reported.
type Watched struct {
	// GUIDs are of apps, service instances and routes.
	GUIDs []string
	// Routes are the GUIDs of routes on which the mapping of any app is reported. They
	// need not be among GUIDs.
	Routes []string
	// Names are those with which the run makes apps and service instances: one that is
	// deleted has no GUID that could be looked up.
	Names []string
}

// Account is the one that this program logs in with: a UAA client, or a user.
type Account struct{ ClientID, Username string }

// Others reads from the platform's audit events what others have changed since the
// run began.
//
// An event names an actor, and not the program that acted. Where people use the
// account of the build, an event of that account counts as ours if a stage causes
// such events and a complete stage, or the process that holds the lease, was at work
// at the time. Where none was, it is reported as unsure, because a stage that failed
// leaves no completion. An event of a type that no stage causes is another's. So
// what a person does with that account while a stage works is not noticed; nor is
// who bound something, because the event of a binding names neither app nor service
// (cloud_controller_ng: app/repositories/service_generic_binding_event_repository.rb).
type Others struct {
	Platform *cloudfoundry.Client
	Run      *upgrade.Run
	Account  Account
	// Watched reads which objects are the run's. It is called while there is a run.
	Watched func(context.Context) (Watched, error)
}

// Changes reads the changes, in their order. Where there is no run, it reads none.
func (o *Others) Changes(ctx context.Context, lease LeaseStatus) (OthersStatus, error) {
	out := OthersStatus{Changes: []Change{}}
	if !o.Run.Exists() {
		return out, nil
	}
	watched, err := o.Watched(ctx)
	if err != nil {
		return out, err
	}
	events, err := o.events(ctx, watched)
	if err != nil {
		return out, err
	}
	out.Since = o.Run.Started().UTC()
	atWork := o.atWork(lease)
	for _, e := range events {
		change, counts := judge(e, o.Account, atWork)
		switch {
		case !counts:
			continue
		case change == nil:
			out.Ours++
		default:
			out.Changes = gather(out.Changes, *change)
		}
	}
	return out, nil
}

// events are those on the objects, in order, each once.
func (o *Others) events(ctx context.Context, watched Watched) ([]cloudfoundry.Event, error) {
	all, err := o.Platform.Space.Events(ctx, cloudfoundry.EventFilter{Targets: watched.GUIDs}, o.Run.Started())
	if err != nil {
		return nil, err
	}
	// The mapping of another app is an event of that app, and an object that was
	// deleted is found by its name alone.
	wide, err := o.Platform.Space.Events(ctx, cloudfoundry.EventFilter{Types: []string{
		"audit.app.map-route", "audit.app.unmap-route", "audit.app.delete-request", "audit.service_instance.delete",
	}}, o.Run.Started())
	if err != nil {
		return nil, err
	}
	for _, e := range wide {
		if slices.Contains(watched.GUIDs, e.TargetGUID) {
			continue
		}
		if slices.Contains(watched.Routes, e.RouteGUID) || slices.Contains(watched.Names, e.TargetName) {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b cloudfoundry.Event) int { return a.At.Compare(b.At) })
	return all, nil
}

// causes reports whether stages cause events of a type.
func causes(kind string) bool {
	return slices.Contains([]string{
		"audit.app.create", "audit.app.update", "audit.app.start", "audit.app.stop", "audit.app.delete-request",
		"audit.app.package.create", "audit.app.build.create", "audit.app.build.staged", "audit.app.build.failed",
		"audit.app.droplet.create", "audit.app.droplet.mapped", "audit.app.revision.create",
		"audit.app.process.create", "audit.app.process.update", "audit.app.process.scale", "audit.app.apply_manifest",
		"audit.app.map-route", "audit.app.unmap-route", "audit.route.create", "audit.route.update", "audit.route.delete-request",
		"audit.service_instance.start_create", "audit.service_instance.create", "audit.service_instance.start_update",
		"audit.service_instance.update", "audit.service_instance.start_delete", "audit.service_instance.delete",
	}, kind)
}

// judge reports whether an event counts as a change, and the change where it is not
// ours. What a process does by itself does not count, except a crash, which the
// platform records twice
// (cloud_controller_ng: app/controllers/internal/app_crashed_controller.rb).
func judge(e cloudfoundry.Event, account Account, atWork periods) (change *Change, counts bool) {
	crash := e.Type == "app.crash"
	if strings.HasSuffix(e.Type, ".show") || e.ActorType != "user" && !crash {
		return nil, false
	}
	c := Change{
		Event: e.Type, Object: strings.ReplaceAll(e.TargetType, "_", " ") + " " + e.TargetName, GUID: e.TargetGUID,
		Actor: e.Actor, Times: 1, First: e.At.UTC(), Last: e.At.UTC(),
	}
	if crash || !account.did(e) || !causes(e.Type) {
		return &c, true
	}
	if atWork.contain(e.At) {
		return nil, true
	}
	c.Unsure = "the account of this program, while no completed stage was at work: a stage that failed, or a person"
	return &c, true
}

// did reports whether the account is the event's actor.
func (a Account) did(e cloudfoundry.Event) bool {
	if a.ClientID != "" {
		return e.Actor == a.ClientID || e.ActorGUID == a.ClientID
	}
	return strings.EqualFold(e.Actor, a.Username)
}

// atWork is when processes of the run were at work. Completions have the times of
// build agents, and events that of the platform: they may differ a little.
func (o *Others) atWork(lease LeaseStatus) periods {
	const difference = 5 * time.Second
	var all periods
	for _, c := range o.Run.Completions() {
		all = append(all, period{c.Started.Add(-difference), c.Ended.Add(difference)})
	}
	if lease.Held {
		all = append(all, period{from: lease.Since.Add(-difference)})
	}
	return all
}

// period is from a time to another; a zero end means until now.
type period struct{ from, to time.Time }

type periods []period

func (all periods) contain(at time.Time) bool {
	return slices.ContainsFunc(all, func(p period) bool {
		return !at.Before(p.from) && (p.to.IsZero() || at.Before(p.to))
	})
}

// gather adds a change, to one of the same kind where there is one.
func gather(all []Change, c Change) []Change {
	for i := range all {
		if one := &all[i]; one.Event == c.Event && one.GUID == c.GUID && one.Actor == c.Actor && one.Unsure == c.Unsure {
			one.Times++
			one.Last = c.Last
			return all
		}
	}
	return append(all, c)
}
