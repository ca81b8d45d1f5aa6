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
		// All documents once more, into the live aliases; nightly too.
		{Number: 19, Name: "reindex", Title: "Reindex", Help: reindexHelp, Gate: reindexGate, Open: func() runner.Stage { return &reindex{Site: s} }},
	}
}
