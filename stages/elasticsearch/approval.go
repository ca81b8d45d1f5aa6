package elasticsearch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// World is all that a plan is made of, but for counts and times: who is who, who
// is on the live routes, who uses the services, who has the names, and the
// settings. Objects of the run are told by their part in it and not by their
// names, which the run changes; strangers are told by GUID.
func (s *Site) World(ctx context.Context) ([]report.Subject, error) {
	w, err := s.world(ctx)
	if err != nil {
		return nil, err
	}
	var all []report.Subject
	for _, read := range []func(context.Context) ([]report.Subject, error){
		w.theRun, w.theOldApp, w.theRoutes, w.theUsers, w.theNames, w.theNewApp,
	} {
		some, err := read(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return append(all, s.Settings.world()...), nil
}

// Approved is the check that the world is the one whose plan was approved, or on
// the way of that plan.
func (s *Site) Approved(ctx context.Context, o *runner.Observation) error {
	world, err := s.World(ctx)
	if err != nil {
		return err
	}
	o.Set("plan digest", s.Settings.PlanDigest)
	by := ""
	if s.Settings.ApprovedBy != "" {
		o.Set("approved by", s.Settings.ApprovedBy)
		by = ", approved by " + s.Settings.ApprovedBy
	}
	o.Say("%d subjects%s", len(world), by)
	if err := report.Agrees(s.Settings.PlanDigest, world); err != nil {
		if runner.ClassOf(err) == runner.Misconfigured {
			return err
		}
		return runner.Refuse("%w; look at a new plan, and approve that", err)
	}
	return nil
}

// world is what World reads by: the parts that apps and services have in the run.
type world struct {
	*Site
	blue    blue
	begun   bool
	app     *cloudfoundry.App             // blue, nil where it is gone
	service *cloudfoundry.ServiceInstance // blue's, nil where it is gone
	green   *cloudfoundry.App
	next    string // the app that serves in blue's place: green, and after step 18 the released one
	newGUID string // of the new service
}

func (s *Site) world(ctx context.Context) (*world, error) {
	run, err := s.journal.Load(ctx)
	if err != nil {
		return nil, err
	}
	w := &world{Site: s, begun: run != nil}
	if !w.begun {
		b, err := (&checkRelease{Site: s}).blueNow(ctx)
		if err != nil {
			return nil, err
		}
		w.blue = *b
	} else {
		s.run = run
		if w.blue, err = s.recorded(); err != nil {
			return nil, err
		}
	}
	if w.app, err = s.blueApp(ctx, w.blue); err != nil {
		return nil, err
	}
	if w.service, err = s.blueService(ctx, w.blue); err != nil {
		return nil, err
	}
	if !w.begun {
		return w, nil
	}
	if w.green, err = s.findGreen(ctx); err != nil {
		return nil, err
	}
	made, err := s.findNewService(ctx)
	if err != nil {
		return nil, err
	}
	if made != nil {
		w.newGUID = made.GUID
	}
	if w.done(stageAwaitRelease) {
		w.next, err = s.successorApp(ctx)
	}
	return w, err
}

// part is what an app has to do with the run; "" for a stranger.
func (w *world) part(app string) string {
	switch {
	case app == w.blue.App:
		return "the old app"
	case w.green != nil && app == w.green.GUID:
		return "the new app"
	case w.next != "" && app == w.next:
		return "the released app"
	}
	return ""
}

// done tells whether a stage is complete in the recorded run.
func (w *world) done(stage string) bool { return w.begun && w.marked(stage) }

// mayBeGone tells whether the run's own steps delete the old app from here on, or
// have done so.
func (w *world) mayBeGone() bool {
	return w.done(stageReindex) || w.done(stageRenameNewApp) && w.Settings.OldAppThen == thenDelete
}

// world are the settings that say what is done, where they are not the default.
func (s *Settings) world() []report.Subject {
	var all []report.Subject
	for _, v := range environ.Values(*s, s.Stage) {
		if onlyPace(v.Name) {
			continue
		}
		setting := report.Subject{Name: v.Name, None: "the default"}
		if !v.Default || v.Name == "STAGE" {
			setting.Now = fmt.Sprintf("%q", v.Text)
		}
		if setting.Now != "" && mayHoldSecret(v.Name) {
			setting.Now, setting.Hidden = "set", v.Text
		}
		all = append(all, setting)
	}
	return all
}

// mayHoldSecret tells a setting in which people write passwords, though it is no
// secret by itself: a broker's parameters, a command line, an address of git.
func mayHoldSecret(name string) bool {
	return slices.Contains([]string{"SERVICE_PARAMETERS", "SMOKE_TEST", "RELEASE_REPOSITORY"}, name)
}

// onlyPace tells a setting that says how fast, for how long or by whom something is
// done, and not what.
func onlyPace(name string) bool {
	return strings.HasSuffix(name, "_TIMEOUT") || strings.HasPrefix(name, "LEASE_") || slices.Contains([]string{
		"CF_USERNAME", "CF_CLIENT_ID", "DOCKER_USERNAME", "CONCURRENCY", "RATE", "SEARCH_API_WORKERS", "POLL_INTERVAL", "MANIFESTS", "PLAN_DIGEST", "APPROVED_BY",
	}, name)
}
