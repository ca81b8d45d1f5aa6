package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// badDay is something that goes wrong, and the result wanted. In every case the live routes lead to apps that answer in the end.
type badDay struct {
	// world changes the sandbox's options.
	world func(*sandbox.Options)
	// upTo is the last stage that is run before anything goes wrong; "" is none. before is done after it.
	upTo   string
	before func(*world)
	// env are settings of the command.
	env map[string]string
	// faults are armed, and wrong is called, before the command. while is called when the first fault, of kind hold, holds a
	// request, which is released after it.
	faults []faults.Fault
	wrong  func(*world)
	while  func(*world)
	// command is what is run, and exit its code. verdict is in the report of the last stage that it ran, and says are regular
	// expressions that its log matches.
	command string
	exit    int
	verdict runner.Verdict
	says    []string
	// traffic is where live traffic is, and left are the leftovers, when the faults have been removed.
	traffic string
	left    []string
	// stale is set where the lease is a leftover too: a process that ends with an unanswered write leaves it.
	stale bool
	// again is the exit code of the same command then, and equal a service whose indices equal the data API after that.
	again int
	equal string
}

// The leftovers after stages 1, 2 and 5.
func recorded() []string { return []string{"service cutover-search-api"} }
func created() []string  { return append(recorded(), "service search_api_elasticsearch_new") }
func built() []string {
	return append([]string{"app elasticsearch-migration", "route dm-elasticsearch-migration-preview.cloudapps.digital"}, created()...)
}

// on is a fault of a kind at a place, for the program's requests alone.
func on(place, kind string, f faults.Fault) faults.Fault {
	f.Place, f.Kind, f.UserAgent = place, kind, "^cutover/"
	return f
}

// page is an answer that is not JSON, of a proxy between the program and an API.
const page = "<html><head><title>502 Bad Gateway</title></head></html>"

func TestBadDays(t *testing.T) {
	t.Parallel()
	for name, day := range badDays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			day.run(t)
		})
	}
}

func (d badDay) run(t *testing.T) {
	t.Helper()
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
		w.release(armed[0], rig.Do)
	}
	p.wantExit(d.exit)
	d.checkReport(t, p)
	for i, id := range armed {
		if w.hits(id) == 0 {
			t.Errorf("fault %d hit nothing", i+1)
		}
		w.removeFault(id)
	}
	d.checkLeftovers(t, w)
	w.with(d.env, d.again, args...)
	w.serves()
	if d.equal != "" {
		w.wantIndices(d.equal)
	}
}

// checkReport checks the log and the report of the last stage.
func (d badDay) checkReport(t *testing.T, p *process) {
	t.Helper()
	for _, want := range d.says {
		if !regexp.MustCompile(want).MatchString(p.Stderr()) {
			t.Errorf("not logged: %q:\n%s", want, p.Stderr())
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

// checkLeftovers checks what the status says, and that the live route is served.
func (d badDay) checkLeftovers(t *testing.T, w *world) {
	t.Helper()
	var now report.Status
	if err := json.Unmarshal([]byte(w.run(0, "elasticsearch", "status", "--output", "json").Stdout()), &now); err != nil {
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
		want = append(want, "service "+leaseName)
		slices.Sort(want)
	}
	if !slices.Equal(left, want) {
		t.Errorf("leftovers: %q, want %q", left, want)
	}
	w.serves()
}
