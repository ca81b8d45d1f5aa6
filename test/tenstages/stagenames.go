package main

import (
	"fmt"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// The names of the stages.
const (
	stageCheckApp         = "check-app"
	stageGenerateManifest = "generate-manifest"
	stagePushApp          = "push-app"
	stageCheckApps        = "check-apps"
	stageMapLiveRoute     = "map-live-route"
	stageWatchTraffic     = "watch-traffic"
	stageUnmapOldApp      = "unmap-old-app"
	stageRenameApps       = "rename-apps"
	stageRemoveOldApp     = "remove-old-app"
	stageAwaitRelease     = "await-release"
)

// order is that of the stages: a stage's number is its place.
func order() []string {
	return []string{
		stageCheckApp, stageGenerateManifest, stagePushApp, stageCheckApps, stageMapLiveRoute, stageWatchTraffic, stageUnmapOldApp,
		stageRenameApps, stageRemoveOldApp, stageAwaitRelease,
	}
}

// called is a stage with its number: "9. remove-old-app".
func called(stage string) string {
	return fmt.Sprintf("%d. %s", slices.Index(order(), stage)+1, stage)
}

// switchRange are the stages that move live traffic.
func switchRange() runner.Range {
	return runner.Range{First: stageMapLiveRoute, Last: stageUnmapOldApp}
}

// milestones are those that this runbook has; a stage may reach more than one.
func milestones() map[upgrade.Milestone]string {
	return map[upgrade.Milestone]string{
		upgrade.Begun: stageCheckApp, upgrade.GreenBuilt: stagePushApp, upgrade.OnLiveRoutes: stageMapLiveRoute,
		upgrade.BlueOff: stageUnmapOldApp, upgrade.TemporaryOff: stageUnmapOldApp,
		upgrade.BlueRenamed: stageRenameApps, upgrade.NamesFinal: stageRenameApps, upgrade.BlueRemoved: stageRemoveOldApp,
		upgrade.Released: stageAwaitRelease, upgrade.Ended: stageAwaitRelease,
	}
}
