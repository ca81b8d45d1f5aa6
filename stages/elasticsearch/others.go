package elasticsearch

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// others reads from the platform's audit events what was done to the run's objects
// since it began, and not by us: to blue, green, both services and the live routes,
// another app on one of those routes, and the deletion of anything that has a name
// of ours.
//
// An event has an actor, and no trace of the program that acted. Where people use
// the account of the build, an event of it is taken for ours when a stage that is
// complete, or a process that holds the lease, was at work just then, and when it
// is of a type that stages cause; it is reported as unsure when neither was, since
// a stage that failed leaves no mark; and surely another's when no stage does such
// a thing. So what a person does with that account while a stage works cannot be
// told, nor who bound something: the event of a binding names neither app nor
// service (cloud_controller_ng: app/repositories/service_generic_binding_event_repository.rb).
func (s *Site) others(ctx context.Context, lease report.LeaseStatus) (report.OthersStatus, error) {
	none := report.OthersStatus{Changes: []report.Change{}}
	b, err := s.recorded()
	if s.run == nil || err != nil {
		return none, nil
	}
	events, err := s.eventsOf(ctx, b)
	if err != nil {
		return none, err
	}
	out := none
	out.Since = s.run.Started.UTC()
	for _, e := range events {
		change, counts := s.judge(e, lease)
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

// eventsOf are the events on the run's objects, in order, each once.
func (s *Site) eventsOf(ctx context.Context, b blue) ([]cloudfoundry.Event, error) {
	targets := []string{b.App, b.Service}
	routes := map[string]bool{}
	for _, route := range b.Routes {
		targets, routes[route.GUID] = append(targets, route.GUID), true
	}
	if green, err := s.findGreen(ctx); err == nil && green != nil {
		targets = append(targets, green.GUID)
	}
	made, err := s.ownServices(ctx)
	if err != nil {
		return nil, err
	}
	for _, instance := range made {
		targets = append(targets, instance.GUID)
	}
	all, err := s.cf.Events(ctx, cloudfoundry.EventFilter{Targets: targets}, s.run.Started)
	if err != nil {
		return nil, err
	}
	// The mapping of another app is an event of that app, and what was deleted is
	// known by its name alone.
	wide, err := s.cf.Events(ctx, cloudfoundry.EventFilter{Types: []string{
		"audit.app.map-route", "audit.app.unmap-route", "audit.app.delete-request", "audit.service_instance.delete",
	}}, s.run.Started)
	if err != nil {
		return nil, err
	}
	names := []string{s.Settings.NewApp, s.Settings.NewService}
	for _, e := range wide {
		if !slices.Contains(targets, e.TargetGUID) && (routes[e.RouteGUID] || slices.Contains(names, e.TargetName)) {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b cloudfoundry.Event) int { return a.At.Compare(b.At) })
	return all, nil
}

// causes are the types of events that the stages cause.
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

// judge tells whether an event is a change, and if so whose: nil is ours. What a process does by itself is none, but for
// a crash, which the platform notes twice (cloud_controller_ng: app/controllers/internal/app_crashed_controller.rb).
func (s *Site) judge(e cloudfoundry.Event, lease report.LeaseStatus) (change *report.Change, counts bool) {
	crash := e.Type == "app.crash"
	if strings.HasSuffix(e.Type, ".show") || e.ActorType != "user" && !crash {
		return nil, false
	}
	c := report.Change{
		Event: e.Type, Object: strings.ReplaceAll(e.TargetType, "_", " ") + " " + e.TargetName, GUID: e.TargetGUID,
		Actor: e.Actor, Times: 1, First: e.At.UTC(), Last: e.At.UTC(),
	}
	if crash || !s.isUs(e) || !causes(e.Type) {
		return &c, true
	}
	if s.atWork(e.At, lease) {
		return nil, true
	}
	c.Unsure = "our own account, while no stage that is complete was at work: a stage that failed, or a person"
	return &c, true
}

// isUs tells whether the actor is the account that this process logs in with.
func (s *Site) isUs(e cloudfoundry.Event) bool {
	cf := s.Settings.CF
	if cf.ClientID != "" {
		return e.Actor == cf.ClientID || e.ActorGUID == cf.ClientID
	}
	return strings.EqualFold(e.Actor, cf.Username)
}

// atWork tells whether one of our processes was at work at a time of the platform's
// clock; those of the marks are the build agents'.
func (s *Site) atWork(at time.Time, lease report.LeaseStatus) bool {
	const apart = 5 * time.Second
	for _, m := range s.run.Complete {
		if at.After(m.Started.Add(-apart)) && at.Before(m.Ended.Add(apart)) {
			return true
		}
	}
	return lease.Held && !at.Before(lease.Since.Add(-apart))
}

// gather adds a change, to one of the same kind where there is one.
func gather(all []report.Change, c report.Change) []report.Change {
	for i := range all {
		if one := &all[i]; one.Event == c.Event && one.GUID == c.GUID && one.Actor == c.Actor && one.Unsure == c.Unsure {
			one.Times++
			one.Last = c.Last
			return all
		}
	}
	return append(all, c)
}
