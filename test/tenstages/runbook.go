package main

import (
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// runbook is the list of the ten. With a nil site its stages cannot be opened.
func runbook(s *site) runner.Runbook {
	open := func(stage func(*site) runner.Stage) func() runner.Stage {
		return func() runner.Stage { return stage(s) }
	}
	return runner.Runbook{
		Name: "tenstages",
		Steps: []runner.Step{
			{Number: 1, Name: stageCheckApp, Title: "Check the app", Help: checkAppHelp, Open: open(newCheckApp)},
			{Number: 2, Name: stageGenerateManifest, Title: "Generate the manifest", Help: generateManifestHelp, Open: open(newGenerateManifest)},
			{Number: 3, Name: stagePushApp, Title: "Push the app", Help: pushAppHelp, Open: open(newPushApp)},
			{Number: 4, Name: stageCheckApps, Title: "Check the apps", Help: checkAppsHelp, Open: open(newCheckApps)},
			{Number: 5, Name: stageMapLiveRoute, Title: "Map the live route", Help: mapLiveRouteHelp, Open: open(newMapLiveRoute)},
			{Number: 6, Name: stageWatchTraffic, Title: "Watch the traffic", Help: watchTrafficHelp, Open: open(newWatchTraffic)},
			{Number: 7, Name: stageUnmapOldApp, Title: "Unmap the old app", Help: unmapOldAppHelp, Open: open(newUnmapOldApp)},
			{Number: 8, Name: stageRenameApps, Title: "Rename the apps", Help: renameAppsHelp, Open: open(newRenameApps)},
			{Number: 9, Name: stageRemoveOldApp, Title: "Remove the old app", Help: removeOldAppHelp, Open: open(newRemoveOldApp)},
			{Number: 10, Name: stageAwaitRelease, Title: "Await the release", Help: awaitReleaseHelp, Final: true, Open: open(newAwaitRelease)},
		},
		Switch:        switchRange(),
		Reopens:       runner.Range{First: stageGenerateManifest, Last: stageUnmapOldApp},
		Rollback:      rollback(),
		RollbackCosts: rollbackCosts(),
	}
}

// rollback is the order in which the stages are undone: traffic first.
func rollback() []string {
	return []string{
		stageAwaitRelease, stageRemoveOldApp, stageUnmapOldApp, stageWatchTraffic, stageMapLiveRoute, stageRenameApps,
		stageCheckApps, stagePushApp, stageGenerateManifest, stageCheckApp,
	}
}

func rollbackCosts() []runner.RollbackCost {
	return []runner.RollbackCost{
		{After: runner.Range{First: stageCheckApp, Last: stageCheckApps}, Cost: "seconds", End: "live traffic is not touched; green is deleted"},
		{After: runner.Range{First: stageMapLiveRoute, Last: stageRenameApps}, Cost: "seconds", End: "blue serves alone; green is deleted"},
		{After: runner.Range{First: stageRemoveOldApp, Last: stageRemoveOldApp}, Cost: "minutes", End: "blue is started, or rebuilt, first"},
		{After: runner.Range{First: stageAwaitRelease, Last: stageAwaitRelease}, Cost: "none", End: "blue is deleted"},
	}
}
