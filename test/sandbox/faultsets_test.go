package sandbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

func TestEveryFaultSetCanBeArmed(t *testing.T) {
	for _, n := range FaultSets(1) {
		e := faults.New(clock.New(0))
		if err := armFaultSet(e, n.Name, 1); err != nil {
			t.Errorf("%s: %v", n.Name, err)
		}
		if got := len(e.List()); got != len(n.Faults) || got == 0 || n.About == "" {
			t.Errorf("%s has %d faults, want %d", n.Name, got, len(n.Faults))
		}
		for _, f := range e.List() {
			if f.Place == "search-api" && !f.WritesOnly {
				t.Errorf("%s hits readers", n.Name)
			}
		}
	}
	if err := armFaultSet(faults.New(clock.New(0)), "good-night", 1); err == nil {
		t.Error("an unknown set is accepted")
	}
}

// The Cloud Controller's limits are errors of its own, though their content type says text.
func TestTheCloudControllersLimitsAreItsOwnErrors(t *testing.T) {
	sets := map[string]string{"rate-limit": `"code":10013,"title":"CF-RateLimitExceeded"`, "broker-limit": `"code":10016,"title":"CF-ServiceBrokerRateLimitExceeded"`}
	for _, set := range FaultSets(1) {
		want, is := sets[set.Name]
		if !is {
			continue
		}
		e := faults.New(clock.New(0))
		f := set.Faults[0]
		f.Probability = 0
		if _, err := e.Add(f); err != nil {
			t.Fatal(err)
		}
		h := e.Wrap("cloud-controller", "", func(*http.Request) bool { return true }, http.NotFoundHandler())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/v3/service_instances", nil))
		if w.Code != 429 || !strings.Contains(w.Body.String(), want) || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%s: %d %v %s", set.Name, w.Code, w.Header(), w.Body)
		}
	}
}
