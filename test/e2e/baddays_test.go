package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// badDay is something that goes wrong, and what is to come of it. Whatever it is, in
// the end the live routes lead to apps that answer.
type badDay struct {
	// upTo is the last stage that was run while all was well; "" is none.
	upTo  string
	world func(*sandbox.Options)
	// before is what else is done while all is well.
	before func(*world)
	env    map[string]string
	// faults are armed, and wrong is called, before the command; while is called once
	// the first fault of kind hold holds, and the fault is released after it.
	faults []map[string]any
	wrong  func(*world)
	while  func(*world)
	// command is what is run, and exit its code; verdict is in the report of the last
	// stage that it ran, and says are expressions that its log matches.
	command string
	exit    int
	verdict runner.Verdict
	says    []string
	// traffic and left are where live traffic is and what lies around once the faults
	// are gone.
	traffic string
	left    []string
	// stale tells that the lease is among it: who leaves with a write unanswered does
	// not hand it over.
	stale bool
	// again is the exit code of the same command then, and like a service whose indices
	// have to be like their source after that.
	again int
	like  string
}

// What lies around after stage 1, 2 and 5.
func begun() []string { return []string{"service cutover-search-api"} }
func made() []string  { return append(begun(), "service search_api_elasticsearch_new") }
func built() []string {
	return append([]string{"app elasticsearch-migration", "route dm-elasticsearch-migration-preview.cloudapps.digital"}, made()...)
}

// on is a fault at a place.
func on(place, kind string, more map[string]any) map[string]any {
	f := map[string]any{"place": place, "kind": kind, "user_agent": "^cutover/"}
	for k, v := range more {
		f[k] = v
	}
	return f
}

type set = map[string]any

const page = "<html><head><title>502 Bad Gateway</title></head></html>"

func TestBadDays(t *testing.T) {
	t.Parallel()
	for name, day := range badDays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			day.live(t)
		})
	}
}

func (d badDay) live(t *testing.T) {
	o := small()
	if d.world != nil {
		d.world(&o)
	}
	w := start(t, o)
	if d.upTo != "" {
		w.run(0, "elasticsearch", "run", "--to", d.upTo)
	}
	if d.before != nil {
		d.before(w)
	}
	var armed []string
	for _, f := range d.faults {
		armed = append(armed, w.fault(f))
	}
	if d.wrong != nil {
		d.wrong(w)
	}
	args := append([]string{"elasticsearch"}, strings.Fields(d.command)...)
	p := w.begin(d.env, args...)
	if d.while != nil {
		w.awaitHeld(armed[0])
		d.while(w)
		w.release(armed[0], "do")
	}
	if code := p.wait(); code != d.exit {
		t.Fatalf("exit code %d, want %d\n%s", code, d.exit, p.log.String())
	}
	d.reported(t, p)
	for i, id := range armed {
		if w.hits(id) == 0 {
			t.Errorf("fault %d hit nothing", i+1)
		}
		w.call("DELETE", "/_sandbox/faults/"+id, nil, nil)
	}
	d.leaves(t, w)
	w.with(d.env, d.again, args...)
	w.serves()
	if d.like != "" {
		if diff := w.unlike(d.like); diff != "" {
			t.Errorf("%s is not like its source: %s", d.like, diff)
		}
	}
}

// reported looks at the log and at the report of the last stage.
func (d badDay) reported(t *testing.T, p *process) {
	t.Helper()
	for _, want := range d.says {
		if !regexp.MustCompile(want).MatchString(p.log.String()) {
			t.Errorf("the log does not say %q:\n%s", want, p.log.String())
		}
	}
	reports, err := filepath.Glob(filepath.Join(p.dir, "reports", "*.json"))
	if err != nil || len(reports) == 0 {
		t.Fatalf("reports: %v, %v", reports, err)
	}
	text, err := os.ReadFile(slices.Max(reports))
	var last runner.Result
	if err == nil {
		err = json.Unmarshal(text, &last)
	}
	if err != nil {
		t.Fatal(err)
	}
	if last.Verdict != d.verdict || last.ExitCode != d.exit {
		t.Errorf("%s: verdict %q, exit code %d, want %q, %d", last.Stage, last.Verdict, last.ExitCode, d.verdict, d.exit)
	}
}

// leaves looks at what is left behind.
func (d badDay) leaves(t *testing.T, w *world) {
	t.Helper()
	var now report.Status
	if err := json.Unmarshal([]byte(w.run(0, "elasticsearch", "status", "--output", "json").out.String()), &now); err != nil {
		t.Fatal(err)
	}
	if now.Traffic != d.traffic {
		t.Errorf("traffic: %s, want %s", now.Traffic, d.traffic)
	}
	left := []string{}
	for _, one := range now.Leftovers {
		left = append(left, one.Kind+" "+one.Name)
	}
	want := slices.Clone(d.left)
	if d.stale {
		want = append(want, "service cutover-search-api-lease")
		slices.Sort(want)
	}
	if !slices.Equal(left, want) {
		t.Errorf("left behind: %q, want %q", left, want)
	}
	w.serves()
}

// serves wants every live route to lead to apps that answer, on every router.
func (w *world) serves() {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 20 {
		req, err := http.NewRequestWithContext(w.t.Context(), "GET", "http://"+w.env["ROUTER_ADDRESS"]+"/_status?ignore-dependencies", nil)
		if err != nil {
			w.t.Fatal(err)
		}
		req.Host = "dm-search-api-preview.cloudapps.digital"
		resp, err := client.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			w.t.Fatalf("the live route is answered %d (%s)", resp.StatusCode, resp.Header.Get("X-Cf-RouterError"))
		}
	}
}

// stop stops an app, as somebody else would.
func (w *world) stop(app string) { w.cf("POST", "/v3/apps/"+w.app(app)+"/actions/stop", nil, nil) }

// onTheLiveRoute makes an app without instances and maps it there.
func (w *world) onTheLiveRoute(name string) {
	w.t.Helper()
	var blue struct {
		Relationships set `json:"relationships"`
	}
	w.cf("GET", "/v3/apps/"+w.app("search-api"), nil, &blue)
	w.cf("POST", "/v3/apps", set{
		"name": name, "lifecycle": set{"type": "docker", "data": set{}}, "relationships": set{"space": blue.Relationships["space"]},
	}, nil)
	w.cf("POST", "/v3/routes/"+w.route("dm-search-api-preview")+"/destinations", set{"destinations": []set{{"app": set{"guid": w.app(name)}}}}, nil)
}
