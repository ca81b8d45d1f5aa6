// Package elasticsearch is the runbook that replaces the Elasticsearch behind
// the Digital Marketplace's search API on Cloud Foundry: a second search API,
// green, is built beside the live one, blue, on a new Elasticsearch service;
// filled, compared, put on the live routes beside blue; and blue is taken off.
//
// A file's number is the step's number in the runbook: ls is the runbook.
package elasticsearch

import "github.com/digitalmarketplace/cutover/stages/runner"

// Steps is the runbook, in its order. With a nil site it is the list of names and
// texts alone, whose stages cannot be opened.
func Steps(s *Site) runner.Runbook {
	return runner.Runbook{
		// Find blue by its live route, record it, and see that we may and can.
		{Number: 1, Name: "check-release", Title: "Check the release", Help: checkReleaseHelp, Open: func() runner.Stage { return &checkRelease{Site: s} }},
		// The new Elasticsearch, beside the old one.
		{Number: 2, Name: "create-service", Title: "Create the service", Help: createServiceHelp, Open: func() runner.Stage { return &createService{Site: s} }},
		// What blue is made of, as a manifest.
		{Number: 3, Name: "generate-manifest", Title: "Generate the manifest", Help: generateManifestHelp, Open: func() runner.Stage { return &generateManifest{Site: s} }},
		// What green will be made of.
		{Number: 4, Name: "edit-manifest", Title: "Edit the manifest", Help: editManifestHelp, Open: func() runner.Stage { return &editManifest{Site: s} }},
		// Green, on its temporary route.
		{Number: 5, Name: "push-app", Title: "Push the app", Help: pushAppHelp, Open: func() runner.Stage { return &pushApp{Site: s} }},
		// Blue and green side by side, on different backends.
		{Number: 6, Name: "check-apps", Title: "Check the apps", Help: checkAppsHelp, Looks: true, Open: func() runner.Stage { return &checkApps{Site: s} }},
		// All documents into green.
		{Number: 7, Name: "build-indices", Title: "Build the indices", Help: buildIndicesHelp, Open: func() runner.Stage { return &buildIndices{Site: s} }},
		// Green compared with the data API and with blue.
		{Number: 8, Name: "verify-indices", Title: "Verify the indices", Help: verifyIndicesHelp, Looks: true, Open: func() runner.Stage { return &verifyIndices{Site: s} }},
		// Both serve.
		{Number: 9, Name: "map-live-route", Title: "Map the live route", Help: mapLiveRouteHelp, Open: func() runner.Stage { return &mapLiveRoute{Site: s} }},
		// Both are seen to serve, by their own logs.
		{Number: 10, Name: "watch-traffic", Title: "Watch the traffic", Help: watchTrafficHelp, Open: func() runner.Stage { return &watchTraffic{Site: s} }},
		// Green serves alone.
		{Number: 11, Name: "unmap-old-app", Title: "Unmap the old app", Help: unmapOldAppHelp, Open: func() runner.Stage { return &unmapOldApp{Site: s} }},
		// The temporary route is no longer needed.
		{Number: 12, Name: "unmap-temporary-route", Title: "Unmap the temporary route", Help: unmapTemporaryRouteHelp, Open: func() runner.Stage { return &unmapTemporaryRoute{Site: s} }},
		// Names: the replaced pair makes room, the new one takes the names that releases know.
		{Number: 13, Name: "rename-old-service", Title: "Rename the old service", Help: renameOldServiceHelp, Open: func() runner.Stage { return &renameOldService{Site: s} }},
		{Number: 14, Name: "rename-new-service", Title: "Rename the new service", Help: renameNewServiceHelp, Open: func() runner.Stage { return &renameNewService{Site: s} }},
		{Number: 15, Name: "rename-old-app", Title: "Rename the old app", Help: renameOldAppHelp, Open: func() runner.Stage { return &renameOldApp{Site: s} }},
		{Number: 16, Name: "rename-new-app", Title: "Rename the new app", Help: renameNewAppHelp, Open: func() runner.Stage { return &renameNewApp{Site: s} }},
		// Blue is stopped, and kept as the way back.
		{Number: 17, Name: "remove-old-app", Title: "Remove the old app", Help: removeOldAppHelp, Open: func() runner.Stage { return &removeOldApp{Site: s} }},
		// The release puts the pipeline's own app in green's place.
		{Number: 18, Name: "await-release", Title: "Await the release", Help: awaitReleaseHelp, Open: func() runner.Stage { return &awaitRelease{Site: s} }},
		// All documents once more, into the live aliases; nightly too.
		{Number: 19, Name: "reindex", Title: "Reindex", Help: reindexHelp, Gate: reindexGate, Open: func() runner.Stage { return &reindex{Site: s} }},
		// Blue and its Elasticsearch are deleted: the point of no return, and the end of the run.
		{Number: 20, Name: "remove-old-service", Title: "Remove the old service", Help: removeOldServiceHelp, Open: func() runner.Stage { return &removeOldService{Site: s} }},
	}
}

// WayBack is the order in which the steps are undone: traffic first, names after,
// and then what was made for the run, from the last to the first. Before 16 to 13
// the names are those of the end, so every way back finds its objects by GUID or
// label.
func WayBack(s *Site) runner.Runbook {
	steps := Steps(s)
	var order runner.Runbook
	for _, name := range []string{
		// What ends all ways back says so before anything is done.
		"remove-old-service",
		// Which app was released, if one was.
		"await-release",
		// The old app runs, under whatever name its service has.
		"remove-old-app",
		// Traffic.
		"unmap-old-app", "watch-traffic", "map-live-route",
		// Names.
		"rename-new-app", "rename-old-app", "rename-new-service", "rename-old-service",
		// What was made.
		"unmap-temporary-route", "reindex", "verify-indices", "build-indices", "check-apps", "push-app", "edit-manifest", "generate-manifest", "create-service", "check-release",
	} {
		order = append(order, *steps.Named(name))
	}
	return order
}
