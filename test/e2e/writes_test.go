package e2e

import (
	"net/http"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// This file has what the tests ask about the writes that the sandbox has seen.

const leaseName = "cutover-search-api-lease"

// choose returns the writes that a function chooses.
func choose(all []faults.Write, chosen func(faults.Write) bool) []faults.Write {
	var some []faults.Write
	for _, one := range all {
		if chosen(one) {
			some = append(some, one)
		}
	}
	return some
}

// first is the place of the first write that a function chooses; len(all) if there is none.
func first(all []faults.Write, chosen func(faults.Write) bool) int {
	for i, one := range all {
		if chosen(one) {
			return i
		}
	}
	return len(all)
}

// onRoute chooses what maps an app to a route (POST), or unmaps one (DELETE).
func onRoute(method, guid string) func(faults.Write) bool {
	return func(one faults.Write) bool {
		return one.Method == method && strings.HasPrefix(one.Path, "/v3/routes/"+guid+"/destinations")
	}
}

// ofDocument chooses writes of documents.
func ofDocument(one faults.Write) bool { return one.Place == "search-api" }

// ofDestination chooses what maps or unmaps an app.
func ofDestination(one faults.Write) bool { return strings.Contains(one.Path, "/destinations") }

// notOfRecord chooses all but the writes of the run's record and of the lease, which are service instances.
func notOfRecord(one faults.Write) bool {
	return one.Place != "cloud-controller" || !strings.HasPrefix(one.Path, "/v3/service_instances")
}

// notOfLease chooses all but what creates and deletes a lease. The record is changed by a PATCH.
func notOfLease(one faults.Write) bool { return notOfRecord(one) || one.Method == http.MethodPatch }

// writesTo counts the writes of a method whose path ends so.
func (w *world) writesTo(method, end string) int {
	w.t.Helper()
	return len(choose(w.writes(), func(one faults.Write) bool { return one.Method == method && strings.HasSuffix(one.Path, end) }))
}
