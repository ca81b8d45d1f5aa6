package sandbox

import (
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// FaultSet is a number of faults to rehearse with.
type FaultSet struct {
	Name, About string
	Faults      []faults.Fault
}

// FaultSets are all sets. None of them hits readers on the live route: if a reader's request fails, the upgrade is the
// cause.
func FaultSets(seed uint64) []FaultSet {
	const (
		brokerLimit = `{"errors":[{"code":10016,"title":"CF-ServiceBrokerRateLimitExceeded","detail":"Service broker concurrent request limit exceeded"}]}`
		unknown     = `{"errors":[{"code":10001,"title":"UnknownError","detail":"An unknown error occurred."}]}`
		badGateway  = "502 Bad Gateway: Registered endpoint failed to handle the request.\n"
		internal    = `{"error":"Internal error"}`
	)
	cc := func(kind string, status int, body string, probability float64, writes bool) faults.Fault {
		return faults.Fault{Place: "cloud-controller", Path: "^/v3/", Kind: kind, Status: status, Body: body, Probability: probability, WritesOnly: writes, Seed: seed}
	}
	put := func(kind string, status int, probability float64) faults.Fault {
		return faults.Fault{Place: "search-api", Kind: kind, Status: status, Body: internal, Probability: probability, WritesOnly: true, Seed: seed}
	}
	limit := cc(faults.ErrorBefore, 429, "", 0.02, false)
	limit.Headers = map[string]string{"Retry-After": "1"}
	// ccng: middleware/service_broker_rate_limiter.rb: too many requests of a user at the same time that call brokers.
	broker := cc(faults.ErrorBefore, 429, brokerLimit, 0.1, true)
	broker.Path, broker.Headers = "^/v3/service_(instances|credential_bindings|route_bindings)", map[string]string{"Retry-After": "1"}
	late := put(faults.Delay, 0, 0.02)
	late.DelayMS = 500
	list := faults.Fault{Place: "data-api", Kind: faults.ErrorBefore, Status: 500, Body: `{"error":"Internal error"}`, Probability: 0.02, Seed: seed}
	token := faults.Fault{Place: "uaa", Kind: faults.ErrorBefore, Status: 503, Probability: 0.1, Seed: seed}
	return []FaultSet{
		{"bad-night", "a little of everything below", []faults.Fault{
			token, limit, cc(faults.ErrorBefore, 502, badGateway, 0.02, false), cc(faults.ErrorAfter, 502, badGateway, 0.02, true),
			put(faults.ErrorBefore, 500, 0.02), late, list,
		}},
		{"rate-limit", "the Cloud Controller answers 429 with Retry-After, now and then", []faults.Fault{limit}},
		{"broker-limit", "the Cloud Controller answers one in ten writes of services and bindings with its limit of requests to brokers", []faults.Fault{broker}},
		{"lost-answers", "one in ten of the platform's writes is done, and its answer lost", []faults.Fault{
			cc(faults.DropAfter, 0, "", 0.1, true),
		}},
		{"sick-platform", "one in twenty of the platform's answers is a 500 or 502, before or after the effect", []faults.Fault{
			cc(faults.ErrorBefore, 502, badGateway, 0.05, false), cc(faults.ErrorAfter, 500, unknown, 0.05, true), token,
		}},
		{"sick-search", "one in twenty documents is refused with a 500, or comes half a second late", []faults.Fault{
			put(faults.ErrorBefore, 500, 0.05), late,
		}},
		{"sick-data", "one in fifty of the data API's answers is a 500", []faults.Fault{list}},
	}
}

// armFaultSet adds the faults of a set.
func armFaultSet(e *faults.Engine, name string, seed uint64) error {
	var names []string
	for _, n := range FaultSets(seed) {
		names = append(names, n.Name)
		if n.Name != name {
			continue
		}
		for _, f := range n.Faults {
			if _, err := e.Add(f); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("faults %q are not one of %s", name, strings.Join(names, ", "))
}
