package situation

import (
	"context"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// releasedSince is the situation where an app that is not of this run is on the live
// routes before one may be.
func (r *Reader) releasedSince(ctx context.Context, b upgrade.Blue, replacement string, stranger upgrade.Stranger) (runner.Situation, error) {
	now := situation(upgrade.ToOther, runner.Situation{
		Detail:  stranger.String() + ", which is not of this run",
		Blocked: "somebody released since the run began; roll back, and start again",
		Back:    "safe: the live routes are left alone, what was made for the run is removed",
	})
	serving, err := r.Live.Apps(ctx, b)
	if err != nil || replacement == "" || !slices.Contains(serving, replacement) {
		return now, err
	}
	now.Detail += "; and beside it " + upgrade.Describe(ctx, r.platform(), replacement) + ", which this run made"
	now.Back = "safe, seconds: green is unmapped from the live routes, which are left to the other; what was made for the run is removed"
	if !r.run().Reached(upgrade.NewServiceRenamed) {
		return now, nil
	}
	now.Blocked = "somebody released since the run began, and what was released uses green's service; unmap it from the live routes, and go on"
	now.Back = "only once that app is unmapped from the live routes"
	now.Next = r.unmapByHand(b, stranger.Name)
	return now, nil
}

// unmapByHand are the commands that take a released app off the live routes, and
// give it a name that the run does not need.
func (r *Reader) unmapByHand(b upgrade.Blue, name string) string {
	var all []string
	for _, route := range b.Routes {
		all = append(all, "cf unmap-route "+name+" "+r.platform().Routes.Arguments(route.Address))
	}
	return strings.Join(append(all, "cf rename "+name+" "+r.Names.ReleasedApp), "; ")
}
