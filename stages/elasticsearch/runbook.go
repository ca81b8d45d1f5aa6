// Package elasticsearch is the runbook that replaces the Elasticsearch behind the
// Digital Marketplace's search API on Cloud Foundry: a second search API, green, is
// built beside the live one, blue, on a new Elasticsearch service; filled, compared,
// put on the live routes beside blue; and blue is taken off.
//
// A file's number is the step's number in the runbook: ls is the runbook.
package elasticsearch

import (
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Runbook is the runbook. With a nil site it is the list of names and texts alone,
// whose stages cannot be opened.
func Runbook(s *Site) runner.Runbook {
	return runner.Runbook{
		Name: "elasticsearch", Steps: steps(s), Switch: switchRange(),
		Reopens:  runner.Range{First: stageCreateService, Last: stageUnmapOldApp},
		Rollback: rollback(), RollbackCosts: rollbackCosts(s),
	}
}

func steps(s *Site) []runner.Step {
	open := func(stage func(*Site) runner.Stage) func() runner.Stage {
		return func() runner.Stage { return stage(s) }
	}
	return []runner.Step{
		// Find blue by its live route, record it, and check that we may and can.
		{Number: 1, Name: stageCheckRelease, Title: "Check the release", Help: checkReleaseHelp, Open: open(newCheckRelease)},
		// The new Elasticsearch, beside the old one.
		{Number: 2, Name: stageCreateService, Title: "Create the service", Help: createServiceHelp, Open: open(newCreateService)},
		// What blue is made of, as a manifest.
		{Number: 3, Name: stageGenerateManifest, Title: "Generate the manifest", Help: generateManifestHelp, Open: open(newGenerateManifest)},
		// What green will be made of.
		{Number: 4, Name: stageEditManifest, Title: "Edit the manifest", Help: editManifestHelp, Open: open(newEditManifest)},
		// Green, on its temporary route.
		{Number: 5, Name: stagePushApp, Title: "Push the app", Help: pushAppHelp, Open: open(newPushApp)},
		// Blue and green side by side, on different backends.
		{Number: 6, Name: stageCheckApps, Title: "Check the apps", Help: checkAppsHelp, Open: open(newCheckApps)},
		// All documents into green.
		{Number: 7, Name: stageBuildIndices, Title: "Build the indices", Help: buildIndicesHelp, Open: open(newBuildIndices)},
		// Green compared with the data API and with blue.
		{Number: 8, Name: stageVerifyIndices, Title: "Verify the indices", Help: verifyIndicesHelp, Open: open(newVerifyIndices)},
		// Both serve.
		{Number: 9, Name: stageMapLiveRoute, Title: "Map the live route", Help: mapLiveRouteHelp, Open: open(newMapLiveRoute)},
		// Both are seen to serve, by their own logs.
		{Number: 10, Name: stageWatchTraffic, Title: "Watch the traffic", Help: watchTrafficHelp, Open: open(newWatchTraffic)},
		// Green serves alone.
		{Number: 11, Name: stageUnmapOldApp, Title: "Unmap the old app", Help: unmapOldAppHelp, Open: open(newUnmapOldApp)},
		// The temporary route is no longer needed.
		{Number: 12, Name: stageUnmapTemporaryRoute, Title: "Unmap the temporary route", Help: unmapTemporaryRouteHelp, Open: open(newUnmapTemporaryRoute)},
		// Names: blue and its service make room, green and its service take the names that releases know.
		{Number: 13, Name: stageRenameOldService, Title: "Rename the old service", Help: renameOldServiceHelp, Open: open(newRenameOldService)},
		{Number: 14, Name: stageRenameNewService, Title: "Rename the new service", Help: renameNewServiceHelp, Open: open(newRenameNewService)},
		{Number: 15, Name: stageRenameOldApp, Title: "Rename the old app", Help: renameOldAppHelp, Open: open(newRenameOldApp)},
		{Number: 16, Name: stageRenameNewApp, Title: "Rename the new app", Help: renameNewAppHelp, Open: open(newRenameNewApp)},
		// Blue is stopped, and kept for a rollback.
		{Number: 17, Name: stageRemoveOldApp, Title: "Remove the old app", Help: removeOldAppHelp, Open: open(newRemoveOldApp)},
		// The release puts the pipeline's own app in green's place.
		{Number: 18, Name: stageAwaitRelease, Title: "Await the release", Help: awaitReleaseHelp, Open: open(newAwaitRelease)},
		// All documents once more, into the live aliases; nightly too.
		{Number: 19, Name: stageReindex, Title: "Reindex", Help: reindexHelp, Open: open(newReindex)},
		// Blue and its Elasticsearch are deleted: the point of no return, and the end of the run.
		{Number: 20, Name: stageRemoveOldService, Title: "Remove the old service", Help: removeOldServiceHelp, Final: true, Open: open(newRemoveOldService)},
	}
}

// rollback is the order in which the stages are undone: traffic first, names after, and
// then what was made for the run, from the last to the first. Before 16 to 13 the names
// are those of the end, so every undo finds its objects by GUID or label.
func rollback() []string {
	return []string{
		// What ends all rollbacks says so before anything is done.
		stageRemoveOldService,
		// Which app was released, if one was.
		stageAwaitRelease,
		// Blue runs, whatever name its service has.
		stageRemoveOldApp,
		// Traffic.
		stageUnmapOldApp, stageWatchTraffic, stageMapLiveRoute,
		// Names.
		stageRenameNewApp, stageRenameOldApp, stageRenameNewService, stageRenameOldService,
		// What was made.
		stageUnmapTemporaryRoute, stageReindex, stageVerifyIndices, stageBuildIndices, stageCheckApps,
		stagePushApp, stageEditManifest, stageGenerateManifest, stageCreateService, stageCheckRelease,
	}
}

// rollbackCosts say what a rollback costs after each stage, and where it ends.
func rollbackCosts(s *Site) []runner.RollbackCost {
	const removed = "what was made for the run is removed"
	removal := "blue is started first; the rest as after " + stageRenameOldService
	var settings Settings
	if s != nil {
		settings = s.Settings
	}
	if settings.RemoveOldApp == deleteOldApp {
		removal = "blue is rebuilt against the old service first; the rest as after " + stageRenameOldService
	}
	return []runner.RollbackCost{
		{After: runner.Range{First: stageCheckRelease, Last: stageVerifyIndices}, Cost: "seconds", End: "live traffic is not touched; " + removed},
		{After: runner.Range{First: stageMapLiveRoute, Last: stageWatchTraffic}, Cost: "seconds", End: "green is unmapped from the live routes; " + removed},
		{After: runner.Range{First: stageUnmapOldApp, Last: stageUnmapTemporaryRoute}, Cost: "seconds to minutes", End: "blue is caught up and mapped again, green unmapped; " + removed},
		{After: runner.Range{First: stageRenameOldService, Last: stageRenameNewApp}, Cost: "seconds to minutes", End: "the same; then the names go back"},
		{After: runner.Range{First: stageRemoveOldApp, Last: stageRemoveOldApp}, Cost: "minutes", End: removal},
		{After: runner.Range{First: stageAwaitRelease, Last: stageReindex}, Cost: "minutes", End: "the same, but the released app stays, as " + settings.ReleasedApp + ", and its service as " + settings.ReleasedService},
		{After: runner.Range{First: stageRemoveOldService, Last: stageRemoveOldService}, Cost: "none", End: "the old service is deleted, and nothing of what was in it is left"},
	}
}
