package upgrade

import (
	"context"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Once green has the live app's name, the pipeline may release: it makes an app of
// its own, puts it on the live routes in green's place and deletes green. That app
// belongs to the pipeline: it gets no label, and neither it nor its service is ever
// deleted by us. Releases are free from then on, so it may be another app each time.

// Release is the released app that a stage has recorded.
type Release struct {
	GUID  string    `json:"guid"`
	Name  string    `json:"name"`
	Image string    `json:"image"`
	At    time.Time `json:"at"`
}

// LastRelease is the release that the run has recorded; nil where there is none.
func LastRelease(run *Run) (*Release, error) {
	if run.Fact(factReleased) == "" {
		return nil, nil
	}
	var release Release
	return &release, run.Decode(factReleased, &release)
}

// SetRelease records the released app.
func SetRelease(ctx context.Context, run *Run, release Release) error {
	return run.Set(ctx, factReleased, release)
}

// ReleaseAllowed reports whether an app that this run did not make may be on the
// live routes: once green and its service have their final names, any release is
// like the one that the run waits for.
func (r *Run) ReleaseAllowed() bool { return r.Reached(NamesFinal) || r.Fact(factReleased) != "" }

// Replacement is the app that serves, or is about to serve, in blue's place: green,
// and after a release the released app. nil where there is none. Everything that
// asks where live traffic is, who answers there, or whom to unmap, asks this.
func (l *Live) Replacement(ctx context.Context) (*cloudfoundry.App, error) {
	green, err := l.Pair.Green(ctx)
	if err != nil || !l.Pair.Run.ReleaseAllowed() {
		return green, err
	}
	b, err := l.Pair.Run.Blue()
	if err != nil {
		return nil, err
	}
	serving, err := l.Apps(ctx, b)
	if err != nil {
		return nil, err
	}
	last, err := LastRelease(l.Pair.Run)
	if err != nil {
		return nil, err
	}
	serving = slices.DeleteFunc(serving, func(app string) bool { return app == b.App })
	switch {
	case last != nil && slices.Contains(serving, last.GUID):
		return l.Pair.App(ctx, last.GUID)
	case green != nil && slices.Contains(serving, green.GUID):
		return green, nil
	case len(serving) == 1:
		return l.Pair.App(ctx, serving[0])
	case last != nil:
		// A rollback unmaps the released app before it renames it.
		if app, err := l.Pair.App(ctx, last.GUID); err != nil || app != nil {
			return app, err
		}
	}
	return green, nil
}

// ReplacementGUID is the replacement's GUID, or "".
func (l *Live) ReplacementGUID(ctx context.Context) (string, error) {
	app, err := l.Replacement(ctx)
	if err != nil || app == nil {
		return "", err
	}
	return app.GUID, nil
}

// ReplacementInstances is the replacement and how many instances it should have.
func (l *Live) ReplacementInstances(ctx context.Context) (string, int, error) {
	app, err := l.Replacement(ctx)
	if err != nil {
		return "", 0, err
	}
	if app == nil {
		return "", 0, l.Pair.Run.NotYet(GreenBuilt, "there is no %s", l.Pair.NewApp)
	}
	return l.instances(ctx, app.GUID)
}

// BlueInstances is blue and how many instances it should have.
func (l *Live) BlueInstances(ctx context.Context) (string, int, error) {
	b, err := l.Pair.Run.Blue()
	if err != nil {
		return "", 0, err
	}
	return l.instances(ctx, b.App)
}

func (l *Live) instances(ctx context.Context, app string) (string, int, error) {
	process, err := l.Pair.Platform.Apps.Process(ctx, app)
	if err != nil {
		return "", 0, err
	}
	return app, process.Instances, nil
}

// ReleasedApp is the replacement where the pipeline made it and not this run; nil else.
func (l *Live) ReleasedApp(ctx context.Context) (*cloudfoundry.App, error) {
	app, err := l.Replacement(ctx)
	if err != nil || app == nil || l.Pair.Run.Owns(app.Metadata) {
		return nil, err
	}
	return app, nil
}

// Fallback is the app that gets the live traffic when the replacement is unmapped:
// blue, or where somebody released before blue was off the live routes, which deletes
// blue, the released app. nil where there is none.
func (l *Live) Fallback(ctx context.Context) (*cloudfoundry.App, error) {
	b, app, err := l.Pair.BlueForRollback(ctx)
	if err != nil || app != nil {
		return app, err
	}
	replacement, err := l.ReplacementGUID(ctx)
	if err != nil {
		return nil, err
	}
	serving, err := l.Apps(ctx, b)
	if err != nil {
		return nil, err
	}
	serving = slices.DeleteFunc(serving, func(one string) bool { return one == replacement })
	if len(serving) != 1 {
		return nil, nil
	}
	return l.Pair.App(ctx, serving[0])
}

// NeedFallback is Fallback, which must be there.
func (l *Live) NeedFallback(ctx context.Context) (*cloudfoundry.App, error) {
	app, err := l.Fallback(ctx)
	if err != nil || app != nil {
		return app, err
	}
	b, err := l.Pair.Run.Blue()
	if err != nil {
		return nil, err
	}
	return nil, runner.Refuse("blue, once %s, is gone, and no other app has the live routes to itself", b.Name)
}

// FallbackInstances is the fallback and how many instances it should have.
func (l *Live) FallbackInstances(ctx context.Context) (string, int, error) {
	app, err := l.NeedFallback(ctx)
	if err != nil {
		return "", 0, err
	}
	return l.instances(ctx, app.GUID)
}
