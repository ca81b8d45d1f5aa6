package elasticsearch

import "github.com/digitalmarketplace/cutover/stages/runner"

// WaysBack says, point by point, what going back costs and where it ends.
func (s *Site) WaysBack() []runner.WayBack {
	const removed = "what was made for the run is removed"
	removal := runner.WayBack{First: 17, Last: 17, Cost: "minutes", End: "the old app is started first; the rest as after 13"}
	if s.Settings.OldAppThen == thenDelete {
		removal.End = "the old app is pushed anew against the old service; the rest as after 13"
	}
	return []runner.WayBack{
		{First: 1, Last: 8, Cost: "seconds", End: "live traffic is not touched; " + removed},
		{First: 9, Last: 10, Cost: "seconds", End: "the new app is taken off the live routes; " + removed},
		{First: 11, Last: 12, Cost: "seconds to minutes", End: "the old app is caught up and mapped again, the new one taken off; " + removed},
		{First: 13, Last: 16, Cost: "seconds to minutes", End: "the same; then the names go back"},
		removal,
		{First: 18, Last: 19, Cost: "minutes", End: "the same, but that the released app stays, as " + s.Settings.ReleasedApp + ", and its service as " + s.Settings.ReleasedService},
		{First: 20, Last: 20, Cost: "none", End: "the old service is deleted, and nothing of what was in it is left"},
	}
}

// NoWayBack tells from which stages the program has no way back.
func (s *Site) NoWayBack(stage string) bool { return stage == stageRemoveOldService }
