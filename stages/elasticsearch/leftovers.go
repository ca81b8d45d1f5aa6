package elasticsearch

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// liesAround lists everything that carries the label of a run, and what was blue
// once it serves no more, with what removes each.
func (s *Site) liesAround(ctx context.Context, lease report.LeaseStatus) ([]report.Leftover, error) {
	found, err := s.cf.Labelled(ctx, cloudfoundry.RunLabel)
	if err != nil {
		return nil, err
	}
	all := []report.Leftover{}
	for _, one := range found {
		all = append(all, report.Leftover{
			Kind: map[cloudfoundry.Kind]string{cloudfoundry.Apps: "app", cloudfoundry.ServiceInstances: "service", cloudfoundry.Routes: "route"}[one.Kind],
			Name: one.Name, GUID: one.GUID, Run: one.Run(), Since: one.Created.UTC(), Goes: s.goes(one, lease),
		})
	}
	old, err := s.replaced(ctx)
	slices.SortStableFunc(all, func(a, b report.Leftover) int {
		return strings.Compare(a.Kind+a.Name, b.Kind+b.Name)
	})
	return append(all, old...), err
}

// goes says what removes an object of a run, or takes our label off it.
func (s *Site) goes(one cloudfoundry.Labelled, lease report.LeaseStatus) string {
	record := "cutover-" + s.Settings.LiveApp
	switch {
	case one.Kind == cloudfoundry.ServiceInstances && one.Name == record:
		return "the record of the run; " + s.place(stageRemoveOldService) + " makes it " + record + "-last, and so does a rollback"
	case one.Kind == cloudfoundry.ServiceInstances && one.Name == record+"-last":
		return "the record of the run before; the end of the next run replaces it"
	case one.Kind == cloudfoundry.ServiceInstances && one.Name == record+"-lease" && lease.Stale:
		return "a lease whose holder is gone; the next process takes it over, or unlock --run does"
	case one.Kind == cloudfoundry.ServiceInstances && one.Name == record+"-lease":
		return "the lease; its holder gives it back"
	case !s.ours(one.Metadata):
		return "of a run that is not under way for " + s.Settings.LiveApp + ": no stage removes it"
	case one.Kind == cloudfoundry.Routes && one.Name == s.Settings.TemporaryRoute:
		return s.place(stageUnmapTemporaryRoute) + " deletes it"
	case one.Kind == cloudfoundry.Routes || one.Labels[roleLabel] != green:
		return "made by a way back, which removes it"
	case s.marked(stageAwaitRelease) && one.Kind == cloudfoundry.Apps:
		return "a release took its place and left it; " + s.place(stageRemoveOldService) + " deletes it, and so does a rollback before"
	case s.marked(stageAwaitRelease):
		return "stays, and loses its label with " + s.place(stageRemoveOldService) + "; a rollback before leaves it to the released app"
	}
	return "stays, and loses its label with " + s.place(stageRemoveOldService) + "; a rollback before deletes it"
}

// replaced are the old app and its service, which carry no label of ours, from
// when on green serves alone.
func (s *Site) replaced(ctx context.Context) ([]report.Leftover, error) {
	b, err := s.recorded()
	if err != nil || !s.marked(stageUnmapOldApp) {
		return nil, nil
	}
	app, err := s.blueApp(ctx, b)
	if err != nil {
		return nil, err
	}
	instance, err := s.blueService(ctx, b)
	if err != nil {
		return nil, err
	}
	since := s.run.Complete[stageUnmapOldApp].Ended.UTC().Truncate(time.Second)
	goes := s.place(stageRemoveOldService) + " deletes it; until then it is the way back"
	var all []report.Leftover
	if app != nil {
		all = append(all, report.Leftover{Kind: "app", Name: app.Name, GUID: app.GUID, Since: since, Goes: goes})
	}
	if instance != nil {
		all = append(all, report.Leftover{Kind: "service", Name: instance.Name, GUID: instance.GUID, Since: since, Goes: goes})
	}
	return all, nil
}

// place is a stage with its number.
func (s *Site) place(stage string) string {
	return Runbook(s).Named(stage).Called()
}
