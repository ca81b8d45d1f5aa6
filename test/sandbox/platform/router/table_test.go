package router

import (
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// gorouter: registry/container/trie.go
func TestTheLongestPathThatIsRoutedIsAsked(t *testing.T) {
	r := New(Options{Clock: clock.New(0), Rand: rand.New(rand.NewSource(1)), Replicas: 1})
	r.SetNow([]*Endpoint{{URI: "host", InstanceGUID: "all"}, {URI: "host/metrics", InstanceGUID: "metrics"}})
	for path, want := range map[string]string{
		"": "all", "/": "all", "/other": "all", "/metrics": "metrics", "/metrics/": "metrics", "/metrics/cpu": "metrics", "/metricsother": "all",
	} {
		found, _ := r.replicas[0].lookup("HOST", path, nil)
		if len(found) != 1 || found[0].InstanceGUID != want {
			t.Errorf("%q leads to %v, want %s", path, found, want)
		}
	}
	if found, empty := r.replicas[0].lookup("other", "/metrics", nil); found != nil || empty {
		t.Errorf("a host that is not routed: %v, %t", found, empty)
	}
}

// gorouter: registry/registry.go, Lookup; route/uris.go, NextWildcard
func TestTheRouteThatFitsBestIsAsked(t *testing.T) {
	r := New(Options{Clock: clock.New(0), Rand: rand.New(rand.NewSource(1)), Replicas: 1})
	var all []*Endpoint
	for _, uri := range []string{"example.org", "*.example.org", "*.example.org/metrics", "*.eu.example.org", "www.example.org", "paths.example.org/only"} {
		all = append(all, &Endpoint{URI: uri, InstanceGUID: uri})
	}
	r.SetNow(all)
	for host, want := range map[string]string{
		"example.org": "example.org", "www.example.org": "www.example.org", "any.example.org": "*.example.org", "ANY.example.org/metrics/x": "*.example.org/metrics",
		"www.example.org/metrics": "www.example.org", // the host itself comes first, though the wildcard has the longer path
		"deep.er.example.org":     "*.example.org", "a.eu.example.org": "*.eu.example.org", "eu.example.org": "*.example.org",
		"paths.example.org/only": "paths.example.org/only", "paths.example.org/other": "*.example.org",
		"example.com": "", "org": "",
	} {
		name, path, _ := strings.Cut(host, "/")
		found, _ := r.replicas[0].lookup(name, "/"+path, nil)
		got := ""
		if len(found) == 1 {
			got = found[0].InstanceGUID
		}
		if got != want {
			t.Errorf("%s leads to %q, want %q", host, got, want)
		}
	}
}

func TestAMessageThatWasOvertakenIsDropped(t *testing.T) {
	rep := &replica{pools: map[string]*pool{}, seen: map[key]uint64{}}
	e := &Endpoint{URI: "host", InstanceGUID: "a"}
	rep.apply(2, []message{{e.key(), nil}})
	rep.apply(1, []message{{e.key(), e}})
	if found, _ := rep.lookup("host", "/", nil); len(found) != 0 {
		t.Errorf("the older registration undoes the newer withdrawal: %v", found)
	}
	rep.apply(3, []message{{e.key(), e}})
	if found, _ := rep.lookup("host", "/", nil); len(found) != 1 {
		t.Errorf("after a third message: %v", found)
	}
}

func TestAnEndpointStaysAsItWasRegistered(t *testing.T) {
	r := New(Options{Clock: clock.New(0), Rand: rand.New(rand.NewSource(1)), Replicas: 2, LagMax: time.Second})
	first := &Endpoint{URI: "host", InstanceGUID: "a", Tags: map[string]string{"app_name": "old"}}
	r.SetNow([]*Endpoint{first})
	r.SetNow([]*Endpoint{{URI: "host", InstanceGUID: "a", Tags: map[string]string{"app_name": "new"}}})
	for i, rep := range r.replicas {
		if found, _ := rep.lookup("host", "/", nil); len(found) != 1 || found[0] != first {
			t.Errorf("replica %d: %v", i, found)
		}
	}
}
