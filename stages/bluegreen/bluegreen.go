// Package bluegreen replaces a live app by another beside it, whatever is behind
// it: its packages build green, move the traffic, exchange the names, handle the
// backing service and the pipeline's own release. This one holds what they share:
// the names on the platform, and what has to follow the traffic.
package bluegreen

import (
	"context"
	"net/http"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Names are the names on the platform. A runbook without a backing service leaves
// those of services empty.
type Names struct {
	// LiveApp is blue's name when the run begins, and green's when it ends.
	LiveApp string
	// OldApp is blue's name afterwards, NewApp green's before.
	OldApp, NewApp string
	// ReleasedApp is the name that a rollback gives to an app that was released in
	// green's place.
	ReleasedApp string
	// LiveRoute is the address by which blue is found; its other routes are switched too.
	LiveRoute string
	// TemporaryRoute is green's until it is on the live routes.
	TemporaryRoute string
	// PrivateRoute leads to blue alone while a rollback brings it up to date.
	PrivateRoute string
	// Service is the name of the backing service that releases know, OldService the one
	// that blue's gets, NewService green's before; ReleasedService is what a rollback
	// calls green's service where a released app uses it.
	Service, OldService, NewService, ReleasedService string
	// ServiceVariable tells an app its service's name.
	ServiceVariable string
}

// Side is one of the two apps, and where it alone answers. The zero value is green,
// where it answers at this point of the run.
type Side struct {
	// Blue is blue, or the app released in its place.
	Blue bool
	// Route is blue's address: the private route, or a live one.
	Route string
	// App, where set, is the app that must answer there, whatever else is mapped: each
	// request names its first instance.
	App func(context.Context) (string, error)
}

// Follower is what must follow the traffic from one app to the other, such as
// documents or rows: catch up to there, complete there, who answered this. A runbook
// without any leaves it nil.
type Follower interface {
	// CatchUp is the task that brings a side up to date with what changed since it
	// last was. It may be repeated.
	CatchUp(name string, to Side) runner.Task
	// Complete is the task that proves that a side has everything.
	Complete(at Side) runner.Task
	// Share is the task that records from when on both sides get live writes, and
	// how complete blue was until then; Unshare records that blue alone gets them
	// again, and has them all. Shared reports which of the two was last.
	Share() runner.Task
	Unshare() runner.Task
	Shared() bool
	// Who is the side that gave an answer, "blue" or "green"; "" where that is not known.
	Who(resp *http.Response, body []byte) string
}
