package e2e

import (
	"fmt"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/pipeline"
)

// The control API for tests: an error ends the test.

// The images that the release pipeline deploys: the one after the live one, and the next.
const (
	nextImage  = "digitalmarketplace/search-api:release-1235"
	laterImage = "digitalmarketplace/search-api:release-1236"
)

// must returns a result without an error.
func must[T any](w *world) func(T, error) T {
	return func(v T, err error) T {
		w.t.Helper()
		w.check(err)
		return v
	}
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// call asks the control API.
func (w *world) call(method, path string, body, into any) {
	w.t.Helper()
	w.check(w.Call(w.t.Context(), method, path, body, into))
}

func (w *world) writes() []faults.Write {
	w.t.Helper()
	return must[[]faults.Write](w)(w.Writes(w.t.Context()))
}

// fault arms a fault and returns its id.
func (w *world) fault(f faults.Fault) string {
	w.t.Helper()
	return must[string](w)(w.AddFault(w.t.Context(), f))
}

// count counts the requests that match from now on; hits has their number.
func (w *world) count(f faults.Fault) string {
	w.t.Helper()
	return must[string](w)(w.Count(w.t.Context(), f))
}

func (w *world) getFault(id string) faults.Fault {
	w.t.Helper()
	return must[faults.Fault](w)(w.Fault(w.t.Context(), id))
}

// hits is how many requests a fault has hit.
func (w *world) hits(id string) int {
	w.t.Helper()
	return w.getFault(id).Hits
}

func (w *world) removeFault(id string) {
	w.t.Helper()
	w.check(w.RemoveFault(w.t.Context(), id))
}

// awaitHeld waits until the fault holds its request.
func (w *world) awaitHeld(id string) {
	w.t.Helper()
	w.check(w.AwaitHeld(w.t.Context(), id, w.patience(20*time.Second)))
}

// release lets go of what a fault holds, with rig.Do or rig.Drop.
func (w *world) release(id, action string) {
	w.t.Helper()
	w.check(w.Release(w.t.Context(), id, action))
}

func (w *world) startReaders(rate float64) {
	w.t.Helper()
	w.check(w.StartReaders(w.t.Context(), rate))
}

func (w *world) readers() sandbox.Tally {
	w.t.Helper()
	return must[sandbox.Tally](w)(w.Readers(w.t.Context()))
}

func (w *world) stopReaders() sandbox.Tally {
	w.t.Helper()
	return must[sandbox.Tally](w)(w.StopReaders(w.t.Context()))
}

// edit makes one edit in the data API.
func (w *world) edit(e data.Edit) data.Edited {
	w.t.Helper()
	return must[data.Edited](w)(w.Edit(w.t.Context(), e))
}

// edits makes some edits of each kind.
func (w *world) edits() {
	w.t.Helper()
	for _, kind := range []string{"update-service", "update-service", "unpublish-service", "publish-draft-service"} {
		w.edit(data.Edit{Kind: kind})
	}
}

// deploy runs the release job.
func (w *world) deploy(image string) {
	w.t.Helper()
	w.check(w.Deploy(w.t.Context(), rig.Deployment{Image: image}))
}

// deployWith runs the release job with a mistake in its manifest.
func (w *world) deployWith(mistake pipeline.Overrides) {
	w.t.Helper()
	w.check(w.Deploy(w.t.Context(), rig.Deployment{Image: nextImage, Manifest: mistake}))
}

// startDeployment starts the release job and does not wait for it.
func (w *world) startDeployment(image string) {
	w.t.Helper()
	w.check(w.StartDeployment(w.t.Context(), rig.Deployment{Image: image}))
}

// deploymentEnds waits until the last run of the release job is done or has failed.
func (w *world) deploymentEnds(state string) {
	w.t.Helper()
	w.eventually("the release job is "+state, func() bool {
		all := must[[]pipeline.Run](w)(w.Deployments(w.t.Context()))
		return all[len(all)-1].State == state
	})
}

func (w *world) moveClock(d time.Duration) {
	w.t.Helper()
	w.check(w.MoveClock(w.t.Context(), d))
}

// freezeRouter keeps changes of routes from one of the two routers.
func (w *world) freezeRouter() {
	w.t.Helper()
	w.check(w.FreezeRouter(w.t.Context(), 0, true))
}

// wantIndices wants the indices of a service to be equal to the data API.
func (w *world) wantIndices(service string) {
	w.t.Helper()
	if diff := w.differences(service); diff != "" {
		w.t.Errorf("the indices of %s differ from the data API:\n%s", service, diff)
	}
}

// differences are those of the indices of a service from the data API; "" if there are none.
func (w *world) differences(service string) string {
	w.t.Helper()
	by, err := w.CompareIndices(w.t.Context(), service)
	w.check(err)
	var all []string
	for alias, d := range by {
		if d.Index == "" || d.Docs != d.Source || len(d.Missing)+len(d.Extra)+len(d.Stale) > 0 {
			all = append(all, fmt.Sprintf("%s: %+v", alias, d))
		}
	}
	return strings.Join(all, "\n")
}
