package clone_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// removal removes a blue that no backing service belongs to.
func (w *world) removal() *clone.Removal {
	return &clone.Removal{
		Live: w.rebuild.Live, Apps: w.apps, Rebuild: w.rebuild, Timeout: 10 * time.Second,
		Drained: func() runner.Task {
			return runner.Task{Name: "drained", Do: func(context.Context, *runner.Observation) error { return nil }}
		},
	}
}

func TestBlueIsStoppedAndStartedAgain(t *testing.T) {
	w := newWorld(t)
	r, blue := w.removal(), w.blue().App
	w.apply(r.Tasks(w.ctx))
	w.apply([]runner.Task{r.NothingRuns()}, nil)
	w.planned()(r.Tasks(w.ctx))
	w.apply(r.Undo(w.ctx, nil))
	w.routable(blue, 2)
	w.planned()(r.Undo(w.ctx, nil))
}

func TestWhatIsLeftAfterTheReleaseIsDeleted(t *testing.T) {
	w := newWorld(t)
	green := w.built()
	for _, route := range must(w.cf.Routes.OfApp(w.ctx, green.GUID))(w) {
		w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, green.GUID))
	}
	r := w.removal()
	left := func(ctx context.Context) (*cloudfoundry.App, error) { return w.pair.App(ctx, green.GUID) }
	w.apply([]runner.Task{r.EndGreen(left)}, nil)
	if app := must(left(w.ctx))(w); app != nil {
		t.Errorf("green is there, %s", app.State)
	}
	w.apply([]runner.Task{r.EndGreen(left)}, nil)

	if _, err := w.try(r.BlueIsGone()); err == nil {
		t.Error("blue is there, and it is not said")
	}
	for _, route := range w.blue().Routes {
		w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, w.blue().App))
	}
	w.apply(r.Tasks(w.ctx))
	w.apply(r.End(w.ctx))
	w.apply([]runner.Task{r.BlueIsGone()}, nil)
	w.planned()(r.End(w.ctx))
}

func TestABlueThatSomebodyDeletedIsForAPerson(t *testing.T) {
	w := newWorld(t)
	r := w.removal()
	w.servedByGreen(w.built())
	w.ok(w.cf.Apps.Delete(w.ctx, w.blue().App))
	for words, service := range map[string]*cloudfoundry.ServiceInstance{
		"push image " + w.blue().Image + " with the live app's manifest": nil,
		"manifest, bound to its_service":                                 {Name: "its_service"},
	} {
		_, err := r.Undo(w.ctx, service)
		var none *runner.Irreversible
		if !errors.As(err, &none) || none.Covered || !strings.HasSuffix(none.Why, words) {
			t.Errorf("%v does not end with %q", err, words)
		}
	}
}
