package elasticsearch

import (
	"fmt"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// The names of the stages: the commands, the keys of the run's record, and the names of
// the reports.
const (
	stageCheckRelease        = "check-release"
	stageCreateService       = "create-service"
	stageGenerateManifest    = "generate-manifest"
	stageEditManifest        = "edit-manifest"
	stagePushApp             = "push-app"
	stageCheckApps           = "check-apps"
	stageBuildIndices        = "build-indices"
	stageVerifyIndices       = "verify-indices"
	stageMapLiveRoute        = "map-live-route"
	stageWatchTraffic        = "watch-traffic"
	stageUnmapOldApp         = "unmap-old-app"
	stageUnmapTemporaryRoute = "unmap-temporary-route"
	stageRenameOldService    = "rename-old-service"
	stageRenameNewService    = "rename-new-service"
	stageRenameOldApp        = "rename-old-app"
	stageRenameNewApp        = "rename-new-app"
	stageRemoveOldApp        = "remove-old-app"
	stageAwaitRelease        = "await-release"
	stageReindex             = "reindex"
	stageRemoveOldService    = "remove-old-service"
)

// order is that of the stages: a stage's number is its place.
func order() []string {
	return []string{
		stageCheckRelease, stageCreateService, stageGenerateManifest, stageEditManifest,
		stagePushApp, stageCheckApps, stageBuildIndices, stageVerifyIndices,
		stageMapLiveRoute, stageWatchTraffic, stageUnmapOldApp, stageUnmapTemporaryRoute,
		stageRenameOldService, stageRenameNewService, stageRenameOldApp, stageRenameNewApp,
		stageRemoveOldApp, stageAwaitRelease, stageReindex, stageRemoveOldService,
	}
}

func position(stage string) int { return slices.Index(order(), stage) }

// called is a stage with its number: "12. unmap-temporary-route".
func called(stage string) string { return fmt.Sprintf("%d. %s", position(stage)+1, stage) }

// switchRange are the stages that move live traffic.
func switchRange() runner.Range {
	return runner.Range{First: stageMapLiveRoute, Last: stageUnmapTemporaryRoute}
}

// beforeSwitch reports whether a stage comes before those that move live traffic.
func beforeSwitch(stage string) bool { return position(stage) < position(switchRange().First) }

// milestones ties what the packages below ask for to the stages.
func milestones() map[upgrade.Milestone]string {
	return map[upgrade.Milestone]string{
		upgrade.Begun: stageCheckRelease, upgrade.ServiceCreated: stageCreateService, upgrade.GreenBuilt: stagePushApp,
		upgrade.GreenFilled: stageBuildIndices, upgrade.OnLiveRoutes: stageMapLiveRoute, upgrade.BlueOff: stageUnmapOldApp,
		upgrade.TemporaryOff:      stageUnmapTemporaryRoute,
		upgrade.OldServiceRenamed: stageRenameOldService, upgrade.NewServiceRenamed: stageRenameNewService,
		upgrade.BlueRenamed: stageRenameOldApp, upgrade.NamesFinal: stageRenameNewApp, upgrade.BlueRemoved: stageRemoveOldApp,
		upgrade.Released: stageAwaitRelease, upgrade.Refreshed: stageReindex, upgrade.Ended: stageRemoveOldService,
	}
}
