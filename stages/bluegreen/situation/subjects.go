package situation

import (
	"context"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// world is what the subjects of a plan are read from: which apps and services are the
// run's, and how far it is.
type world struct {
	reader  *Reader
	begun   bool
	blue    upgrade.Blue
	app     *cloudfoundry.App             // blue's; nil where it is deleted
	service *cloudfoundry.ServiceInstance // blue's; nil where it is deleted, or there is none
	green   *cloudfoundry.App             // nil where there is none
	// greenService is a GUID, "" where there is none.
	greenService string
	// released is the GUID of the app that serves after the release; "" before.
	released string
}

// Subjects are all that a plan is made of, except settings, counts and times: who is
// blue and green, who is on the live routes, who uses the services, who has the
// names. Objects of the run are given by their part in it and not by their names,
// which the run changes; those of strangers by GUID.
func (r *Reader) Subjects(ctx context.Context) ([]report.Subject, error) {
	w, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	var all []report.Subject
	for _, read := range []func(context.Context) ([]report.Subject, error){
		w.runs, w.blueSubjects, w.routes, w.users, w.names, w.greenSubjects,
	} {
		some, err := read(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (r *Reader) read(ctx context.Context) (*world, error) {
	w := &world{reader: r}
	var err error
	if w.begun, err = r.run().Load(ctx); err != nil {
		return nil, err
	}
	blue := r.FindBlue
	if w.begun {
		blue = func(context.Context) (upgrade.Blue, error) { return r.run().Blue() }
	}
	if w.blue, err = blue(ctx); err != nil {
		return nil, err
	}
	if w.app, err = r.Live.Pair.App(ctx, w.blue.App); err != nil {
		return nil, err
	}
	if w.service, err = r.oldService(ctx, w.blue); err != nil {
		return nil, err
	}
	if w.begun {
		err = w.readGreen(ctx)
	}
	return w, err
}

func (w *world) readGreen(ctx context.Context) (err error) {
	if w.green, err = w.reader.Live.Pair.Green(ctx); err != nil {
		return err
	}
	service, err := w.reader.newService(ctx)
	if err != nil {
		return err
	}
	if service != nil {
		w.greenService = service.GUID
	}
	if w.reached(upgrade.Released) {
		w.released, err = w.reader.Live.ReplacementGUID(ctx)
	}
	return err
}

// part is what an app is in the run; "" for a stranger.
func (w *world) part(app string) string {
	switch {
	case app == w.blue.App:
		return "blue"
	case w.green != nil && app == w.green.GUID:
		return "green"
	case w.released != "" && app == w.released:
		return "the released app"
	}
	return ""
}

func (w *world) reached(m upgrade.Milestone) bool { return w.begun && w.reader.run().Reached(m) }

// appMayBeDeleted reports whether the run's own stages delete blue's app from here
// on, or have done so.
func (w *world) appMayBeDeleted() bool {
	return w.reached(w.reader.AppDeleted) || w.serviceMayBeDeleted()
}

func (w *world) serviceMayBeDeleted() bool { return w.reached(w.reader.ServiceDeleted) }

// awaitsRelease reports whether the next app on the live routes is the release that
// the runbook waits for.
func (w *world) awaitsRelease() bool {
	return w.reached(upgrade.BlueRemoved) && !w.reached(upgrade.Released)
}

// runs are this run and the one before. A rollback makes this run the one before, so
// that neither what it left nor a run that begins after it is the approved one.
func (w *world) runs(ctx context.Context) ([]report.Subject, error) {
	before := report.Subject{Name: "run-before", Now: "none"}
	last, err := w.reader.run().Ended(ctx)
	if err != nil {
		return nil, err
	}
	if last != nil {
		before.Now = last.Run
	}
	run := report.Subject{Name: "run", None: "not begun", Was: []string{""}}
	if w.begun {
		run.Now = w.reader.run().ID()
	}
	return []report.Subject{run, before}, nil
}

// joined is a list in one order, whatever order it was read in.
func joined(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
