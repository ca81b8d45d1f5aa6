package elasticsearch

import "github.com/digitalmarketplace/cutover/stages/runner"

// rollbackCosts says, point by point, what rolling back costs and what is there in the
// end. It depends on the settings: without a site it is not known.
func (s *Site) rollbackCosts() []runner.RollbackCost {
	if s == nil {
		return nil
	}
	const removed = "what was made for the run is removed"
	removal := "the old app is started first; the rest as after 13"
	if s.Settings.OldAppThen == thenDelete {
		removal = "the old app is pushed anew against the old service; the rest as after 13"
	}
	after := func(first, last, cost, end string) runner.RollbackCost {
		return runner.RollbackCost{After: runner.Range{First: first, Last: last}, Cost: cost, End: end}
	}
	return []runner.RollbackCost{
		after(stageCheckRelease, stageVerifyIndices, "seconds", "live traffic is not touched; "+removed),
		after(stageMapLiveRoute, stageWatchTraffic, "seconds", "the new app is taken off the live routes; "+removed),
		after(stageUnmapOldApp, stageUnmapTemporaryRoute, "seconds to minutes", "the old app is caught up and mapped again, the new one taken off; "+removed),
		after(stageRenameOldService, stageRenameNewApp, "seconds to minutes", "the same; then the names are restored"),
		after(stageRemoveOldApp, stageRemoveOldApp, "minutes", removal),
		after(stageAwaitRelease, stageReindex, "minutes", "the same, but the released app stays, as "+s.Settings.ReleasedApp+", and its service as "+s.Settings.ReleasedService),
		after(stageRemoveOldService, stageRemoveOldService, "none", "the old service is deleted with everything in it"),
	}
}
