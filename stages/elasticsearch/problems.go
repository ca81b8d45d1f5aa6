package elasticsearch

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// The values of REMOVE_OLD_APP.
const (
	stopOldApp   = "stop"
	deleteOldApp = "delete"
)

// Limits of the platform (CC API: apps, service instances, routes).
const (
	maxPlatformName = 255
	maxHost         = 63
)

// problems gathers what is wrong with the settings.
type problems struct{ all environ.Problems }

func (p *problems) wrong(is bool, variable, format string, args ...any) {
	if is {
		p.all = append(p.all, environ.Problem{Variable: variable, What: fmt.Sprintf(format, args...)})
	}
}

// Problems are what the tags cannot say. steps are the stages that will run, since not
// every stage needs every setting.
func (s *Settings) Problems(steps []runner.Step) environ.Problems {
	p := &problems{}
	p.wrong(strings.EqualFold(s.Stage, "Select one"), "STAGE", "is still %q: choose an environment", s.Stage)
	plain := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	p.wrong(s.Stage != "" && !strings.EqualFold(s.Stage, "Select one") && !plain.MatchString(s.Stage), "STAGE", "%q is not the name of an environment", s.Stage)
	p.all = append(p.all, s.CF.Problems()...)
	creates := slices.ContainsFunc(steps, func(step runner.Step) bool { return step.Name == stageCheckRelease || step.Name == stageCreateService })
	p.wrong(s.Plan == "" && creates, "SERVICE_PLAN", "is not set: a plan of cf marketplace -e %s", s.Offering)
	p.wrong(s.Release != "" && s.Image != "", "RELEASE", "is set, and so is IMAGE: set one of them")
	p.wrong(strings.ContainsAny(s.Image+s.Release, " \t"), "IMAGE", "an image and a release have no spaces")
	var object map[string]any
	p.wrong(s.Parameters != "" && json.Unmarshal([]byte(s.Parameters), &object) != nil, "SERVICE_PARAMETERS", "is not a JSON object")
	_, err := s.indices()
	p.wrong(err != nil, "INDICES", "%v", err)
	s.checkNames(p)
	s.addresses(p)
	s.numbers(p)
	p.wrong(s.OnBreach != "back" && s.OnBreach != "hold", "ON_BREACH", "%q is neither back nor hold", s.OnBreach)
	p.wrong(s.RemoveOldApp != stopOldApp && s.RemoveOldApp != deleteOldApp, "REMOVE_OLD_APP", "%q is neither %s nor %s", s.RemoveOldApp, stopOldApp, deleteOldApp)
	if s.PlanDigest != "" {
		err := report.CheckDigest(s.PlanDigest)
		p.wrong(err != nil, "PLAN_DIGEST", "%v", err)
	}
	return append(p.all, s.Lease.Problems()...)
}

// checkNames checks that no two are the same: the live object itself would else have
// the name that is to be given.
func (s *Settings) checkNames(p *problems) {
	name := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	for _, kind := range [][]struct{ variable, value string }{
		{{"LIVE_APP", s.LiveApp}, {"OLD_APP", s.OldApp}, {"NEW_APP", s.NewApp}, {"RELEASED_APP", s.ReleasedApp}},
		{{"SERVICE", s.Service}, {"OLD_SERVICE", s.OldService}, {"NEW_SERVICE", s.NewService}, {"RELEASED_SERVICE", s.ReleasedService}},
	} {
		by := map[string]string{}
		for _, n := range kind {
			p.wrong(!name.MatchString(n.value), n.variable, "%q is not a name: letters, digits, '.', '_' and '-', a letter or digit first", n.value)
			p.wrong(by[n.value] != "", n.variable, "is %q, and so is %s", n.value, by[n.value])
			by[n.value] = n.variable
			p.wrong(len(n.value) > maxPlatformName, n.variable, "has %d characters, and a name at most %d", len(n.value), maxPlatformName)
		}
	}
	longest := maxPlatformName - len(journal.LongestName(""))
	p.wrong(len(s.LiveApp) > longest, "LIVE_APP", "has %d characters, and at most %d leave room for the name of the lease, cutover-<app>-lease", len(s.LiveApp), longest)
	for _, r := range []struct{ variable, address string }{{"TEMPORARY_ROUTE", s.TemporaryRoute}, {"PRIVATE_ROUTE", s.PrivateRoute}} {
		host, _, _ := strings.Cut(r.address, ".")
		p.wrong(len(host) > maxHost, r.variable, "has a host of %d characters, and a host has at most %d", len(host), maxHost)
	}
	p.wrong(!regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(s.ServiceVar), "SERVICE_VARIABLE", "%q is not the name of a variable", s.ServiceVar)
	p.wrong(s.LiveRoute == s.TemporaryRoute, "TEMPORARY_ROUTE", "is the live route, %s", s.LiveRoute)
	p.wrong(s.PrivateRoute == s.LiveRoute || s.PrivateRoute == s.TemporaryRoute, "PRIVATE_ROUTE", "is %s, and so is another route", s.PrivateRoute)
}

func (s *Settings) addresses(p *problems) {
	for _, a := range []struct{ variable, value string }{{"DATA_API_URL", s.DataAPI}, {"SEARCH_API_URL", s.SearchAPI}, {"CF_API", s.CF.API}} {
		u, err := url.Parse(a.value)
		p.wrong(a.value != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == ""), a.variable, "%q is not an address: https://…", a.value)
	}
	_, _, err := net.SplitHostPort(s.RouterAddress)
	p.wrong(s.RouterAddress != "" && err != nil, "ROUTER_ADDRESS", "%q is not host:port", s.RouterAddress)
	p.wrong(s.RouteScheme != "http" && s.RouteScheme != "https", "ROUTE_SCHEME", "%q is neither http nor https", s.RouteScheme)
}

func (s *Settings) numbers(p *problems) {
	p.wrong(s.Routers < 1 || s.Routers > 1000, "ROUTERS", "must be from 1 to 1000")
	p.wrong(s.Concurrency < 1 || s.Concurrency > 1000, "CONCURRENCY", "must be from 1 to 1000")
	p.wrong(s.Workers < 1 || s.Workers > 1000, "SEARCH_API_WORKERS", "must be from 1 to 1000")
	p.wrong(s.Rate < 0, "RATE", "must not be less than 0")
	p.wrong(s.MaxFailed < 0 || s.MaxFailed > mostFailed, "MAX_FAILED", "must be from 0 to %d, since the run records each", mostFailed)
	p.wrong(s.MaxRemovals < -1, "MAX_REMOVALS", "must be -1, 0 or more")
	p.wrong(math.IsNaN(s.WitnessRate) || s.WitnessRate < 0.01 || s.WitnessRate > 1000, "WITNESS_RATE", "must be from 0.01 to 1000")
	for _, d := range []struct {
		variable string
		value    time.Duration
		least    time.Duration
	}{
		{"DRAIN", s.Drain, 0},
		{"WITNESS_BASELINE", s.WitnessBaseline, 0},
		{"WITNESS_AFTER", s.WitnessAfter, 0},
		{"HOLD_OLD_SERVICE_FOR", s.Hold, 0},
		{"RELEASE_TIMEOUT", s.ReleaseTimeout, 0},
		{"POLL_INTERVAL", s.Poll, time.Millisecond},
		{"VERIFY_TIMEOUT", s.VerifyTimeout, time.Millisecond},
		{"ROUTE_TIMEOUT", s.RouteTimeout, time.Millisecond},
		{"START_TIMEOUT", s.StartTimeout, time.Millisecond},
		{"CREATE_TIMEOUT", s.CreateTimeout, time.Millisecond},
		{"CATCH_UP_TIMEOUT", s.CatchUpTimeout, time.Millisecond},
		{"LEASE_HEARTBEAT", s.Lease.Heartbeat, time.Millisecond},
	} {
		p.wrong(d.value < d.least, d.variable, "%s is less than %s", d.value, d.least)
	}
}
