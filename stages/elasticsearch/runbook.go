// Package elasticsearch is the runbook that replaces the Elasticsearch behind
// the Digital Marketplace's search API on Cloud Foundry: a second search API,
// green, is built beside the live one, blue, on a new Elasticsearch service;
// filled, compared, put on the live routes beside blue; and blue is taken off.
//
// A file's number is the step's number in the runbook: ls is the runbook.
package elasticsearch

import "github.com/digitalmarketplace/cutover/stages/runner"

// The names of the stages: the commands, the keys of the run's record, and the names of the reports.
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

// Runbook is the runbook. With a nil site it is names and texts alone: its stages
// can do nothing, and what rolling back costs is not known.
func Runbook(s *Site) runner.Runbook {
	return runner.Runbook{
		Name: "elasticsearch", Steps: steps(s),
		Switch:   runner.Range{First: stageMapLiveRoute, Last: stageUnmapTemporaryRoute},
		Rollback: rollbackOrder(), RollbackCosts: s.rollbackCosts(),
	}
}

// steps are the stages in their order.
func steps(s *Site) []runner.Step {
	return []runner.Step{
		// Find blue by its live route, record it, and see that we may and can.
		{Number: 1, Name: stageCheckRelease, Title: "Check the release", Help: checkReleaseHelp, Open: func() runner.Stage { return &checkRelease{Site: s} }},
		// The new Elasticsearch, beside the old one.
		{Number: 2, Name: stageCreateService, Title: "Create the service", Help: createServiceHelp, Open: func() runner.Stage { return &createService{Site: s} }},
		// What blue is made of, as a manifest.
		{Number: 3, Name: stageGenerateManifest, Title: "Generate the manifest", Help: generateManifestHelp, Open: func() runner.Stage { return &generateManifest{Site: s} }},
		// What green will be made of.
		{Number: 4, Name: stageEditManifest, Title: "Edit the manifest", Help: editManifestHelp, Open: func() runner.Stage { return &editManifest{Site: s} }},
		// Green, on its temporary route.
		{Number: 5, Name: stagePushApp, Title: "Push the app", Help: pushAppHelp, Open: func() runner.Stage { return &pushApp{Site: s} }},
		// Blue and green side by side, on different backends.
		{Number: 6, Name: stageCheckApps, Title: "Check the apps", Help: checkAppsHelp, Open: func() runner.Stage { return &checkApps{Site: s} }},
		// All documents into green.
		{Number: 7, Name: stageBuildIndices, Title: "Build the indices", Help: buildIndicesHelp, Open: func() runner.Stage { return &buildIndices{Site: s} }},
		// Green compared with the data API and with blue.
		{Number: 8, Name: stageVerifyIndices, Title: "Verify the indices", Help: verifyIndicesHelp, Open: func() runner.Stage { return &verifyIndices{Site: s} }},
		// Both serve.
		{Number: 9, Name: stageMapLiveRoute, Title: "Map the live route", Help: mapLiveRouteHelp, Open: func() runner.Stage { return &mapLiveRoute{Site: s} }},
		// Both are seen to serve, by their own logs.
		{Number: 10, Name: stageWatchTraffic, Title: "Watch the traffic", Help: watchTrafficHelp, Open: func() runner.Stage { return &watchTraffic{Site: s} }},
		// Green serves alone.
		{Number: 11, Name: stageUnmapOldApp, Title: "Unmap the old app", Help: unmapOldAppHelp, Open: func() runner.Stage { return &unmapOldApp{Site: s} }},
		// The temporary route is no longer needed.
		{Number: 12, Name: stageUnmapTemporaryRoute, Title: "Unmap the temporary route", Help: unmapTemporaryRouteHelp, Open: func() runner.Stage { return &unmapTemporaryRoute{Site: s} }},
		// Names: the replaced pair makes room, the new one takes the names that releases know.
		{Number: 13, Name: stageRenameOldService, Title: "Rename the old service", Help: renameOldServiceHelp, Open: func() runner.Stage { return &renameOldService{Site: s} }},
		{Number: 14, Name: stageRenameNewService, Title: "Rename the new service", Help: renameNewServiceHelp, Open: func() runner.Stage { return &renameNewService{Site: s} }},
		{Number: 15, Name: stageRenameOldApp, Title: "Rename the old app", Help: renameOldAppHelp, Open: func() runner.Stage { return &renameOldApp{Site: s} }},
		{Number: 16, Name: stageRenameNewApp, Title: "Rename the new app", Help: renameNewAppHelp, Open: func() runner.Stage { return &renameNewApp{Site: s} }},
		// Blue is stopped, and kept as the way back.
		{Number: 17, Name: stageRemoveOldApp, Title: "Remove the old app", Help: removeOldAppHelp, Open: func() runner.Stage { return &removeOldApp{Site: s} }},
		// The release puts the pipeline's own app in green's place.
		{Number: 18, Name: stageAwaitRelease, Title: "Await the release", Help: awaitReleaseHelp, Open: func() runner.Stage { return &awaitRelease{Site: s} }},
		// All documents once more, into the live aliases; nightly too.
		{Number: 19, Name: stageReindex, Title: "Reindex", Help: reindexHelp, Open: func() runner.Stage { return &reindex{Site: s} }},
		// Blue and its Elasticsearch are deleted: the point of no return, and the end of the run.
		{Number: 20, Name: stageRemoveOldService, Title: "Remove the old service", Help: removeOldServiceHelp, Final: true, Open: func() runner.Stage { return &removeOldService{Site: s} }},
	}
}

// rollbackOrder is the order in which the stages are undone: traffic first, names
// after, and then what was made for the run, from the last to the first. Before 16 to
// 13 are undone the names are those of the end, so every Undo finds its objects by
// GUID or label.
func rollbackOrder() []string {
	return []string{
		// Where this is complete there is no rollback: it is refused before anything is done.
		stageRemoveOldService,
		// Which app was released, if one was.
		stageAwaitRelease,
		// The old app runs, under whatever name its service has.
		stageRemoveOldApp,
		// Traffic.
		stageUnmapOldApp, stageWatchTraffic, stageMapLiveRoute,
		// Names.
		stageRenameNewApp, stageRenameOldApp, stageRenameNewService, stageRenameOldService,
		// What was made.
		stageUnmapTemporaryRoute, stageReindex, stageVerifyIndices, stageBuildIndices, stageCheckApps, stagePushApp, stageEditManifest, stageGenerateManifest, stageCreateService, stageCheckRelease,
	}
}
