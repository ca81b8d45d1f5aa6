package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/test/jenkins"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// build runs a pipeline with the real program first on its PATH.
func (w *world) build(t *testing.T, s jenkins.Scenario) jenkins.Build {
	t.Helper()
	if s.File == "" {
		s.File = "Jenkinsfile"
	}
	params := map[string]any{"STAGE": "preview", "SERVICE_PLAN": "small-ha-7.x", "DRAIN": "0s"}
	maps.Copy(params, s.Params)
	s.Params = params
	if s.JobParameters != nil { // the job defines them all
		maps.DeleteFunc(s.Params, func(name string, _ any) bool { return !slices.Contains(s.JobParameters, name) })
	}
	env := maps.Clone(w.Env)
	for name := range s.Params {
		delete(env, name)
	}
	env["PATH"] = filepath.Dir(binary) + ":/usr/bin:/bin"
	s.Env = env
	s.Jobs = map[string]jenkins.Job{
		"notify-slack":     {Result: "SUCCESS"},
		"release-app-paas": {Calls: w.URL + "/_sandbox/release", Body: `{"image":"` + nextImage + `"}`},
	}
	b := jenkins.Run(t, s)
	if b.Error != "" {
		t.Fatalf("the pipeline is not accepted: %s", b.Error)
	}
	for _, e := range b.Steps("sh") {
		for _, secret := range w.secrets() {
			if strings.Contains(e.Output, secret) {
				t.Errorf("a secret is in the console: %s", e.Output)
			}
		}
	}
	return b
}

// outputs is what all shells of a build have printed.
func outputs(b jenkins.Build) string {
	var all []string
	for _, e := range b.Steps("sh") {
		all = append(all, e.Output)
	}
	return strings.Join(all, "\n")
}

func wantResult(t *testing.T, b jenkins.Build, want string) {
	t.Helper()
	if b.Result != want {
		t.Fatalf("the build is %s, want %s: %v\n%s", b.Result, want, b.Outcomes(), outputs(b))
	}
}

// verdicts are how many test cases Jenkins counted of each status.
func verdicts(b jenkins.Build) map[string]int {
	counts := map[string]int{}
	for _, e := range b.Steps("junit") {
		for _, c := range e.Cases {
			counts[c.Status]++
		}
	}
	return counts
}

// wantNoFailure wants Jenkins to count some passed test cases and no failed one.
func wantNoFailure(t *testing.T, b jenkins.Build) {
	t.Helper()
	if v := verdicts(b); v["failed"] > 0 || v["passed"] == 0 {
		t.Errorf("Jenkins counts %v", v)
	}
}

// With its defaults a build is a dry run.
func TestABuildWithTheDefaultsChangesNothing(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	was, n := w.state(), len(w.writes())
	b := w.build(t, jenkins.Scenario{Number: 1})
	wantResult(t, b, "SUCCESS")
	if some := w.writes()[n:]; len(some) > 0 {
		t.Errorf("a dry run wrote %+v", some)
	}
	w.wantState(was)
	if !strings.Contains(outputs(b), "waits for 2. create-service") && !strings.Contains(outputs(b), "waits for 1. check-release") {
		t.Errorf("it does not say which stage waits for which:\n%s", outputs(b))
	}
	wantNoFailure(t, b)
}

func TestABuildWithoutAnEnvironmentAsksNothing(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	n := w.count(faults.Fault{Place: "cloud-controller"})
	b := w.build(t, jenkins.Scenario{Number: 1, Params: map[string]any{"STAGE": "Select one", "DRY_RUN": false}})
	wantResult(t, b, "FAILURE")
	if !strings.Contains(outputs(b), `is still "Select one": choose an environment`) {
		t.Errorf("it does not say what is missing:\n%s", outputs(b))
	}
	if hits := w.hits(n); hits > 0 {
		t.Errorf("%d requests reached the platform", hits)
	}
	if first := b.Steps("sh")[0]; first.Exit != 2 || len(b.Steps("sh")) != 1 {
		t.Errorf("exit code %d, %d shells; want 2 of one", first.Exit, len(b.Steps("sh")))
	}
}

func TestABuildMigratesFromTheFirstStageToTheLast(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.startReaders(50)
	b := w.build(t, jenkins.Scenario{Number: 1, Params: map[string]any{"DRY_RUN": false}})
	wantResult(t, b, "SUCCESS")
	var published []string
	for _, e := range b.Steps("junit") {
		published = append(published, e.Files...)
	}
	steps := elasticsearch.Runbook(nil).Steps
	var want []string
	for _, step := range steps {
		want = append(want, fmt.Sprintf("reports/%02d-%s.xml", step.Number, step.Name))
	}
	if diff := cmp.Diff(want, published); diff != "" {
		t.Errorf("published reports (-want +got):\n%s", diff)
	}
	if v := verdicts(b); v["failed"]+v["skipped"] > 0 {
		t.Errorf("Jenkins counts %v", v)
	}
	w.wantIndices("search_api_elasticsearch")
	if tally := w.readers(); tally.Failed > 0 {
		t.Errorf("%d live requests failed: %+v", tally.Failed, tally.Failures)
	}
	archived := 0
	for _, e := range b.Steps("archiveArtifacts") {
		archived += len(e.Files)
		for _, file := range e.Files {
			if strings.Contains(file, "manifest") && !strings.HasPrefix(file, "reports/") {
				t.Errorf("%s was archived", file)
			}
		}
	}
	if archived != 2*len(want) {
		t.Errorf("%d files were archived, want XML and JSON of %d stages", archived, len(want))
	}
}

func TestABuildSkipsCompleteStages(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	upTo := map[string]any{"DRY_RUN": false, "STOP_AFTER": "switch"}
	wantResult(t, w.build(t, jenkins.Scenario{Number: 1, Params: upTo}), "SUCCESS")
	again := w.build(t, jenkins.Scenario{Number: 2, Params: upTo})
	wantResult(t, again, "SUCCESS")
	book := elasticsearch.Runbook(nil)
	complete := len(book.Between("", "rename-new-app")) + len(book.Between(book.Switch.First, book.Switch.Last))
	if n := strings.Count(outputs(again), "skipped: done by"); n != complete {
		t.Errorf("%d stages were skipped, want %d, those of the switch twice:\n%s", n, complete, outputs(again))
	}
}

// A build stops before the switch; another is restarted from a stage, in an empty workspace.
func TestABuildIsRestartedFromAStage(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	b := w.build(t, jenkins.Scenario{Number: 1, Params: map[string]any{"DRY_RUN": false, "STOP_AFTER": "check-apps"}})
	wantResult(t, b, "SUCCESS")
	b = w.build(t, jenkins.Scenario{Number: 2, StartAt: "7. Build the indices", Params: map[string]any{"DRY_RUN": false}})
	wantResult(t, b, "SUCCESS")
	w.wantIndices("search_api_elasticsearch")

	// A stage whose predecessors are not complete refuses, and the build stops there.
	other := start(t, small())
	b = other.build(t, jenkins.Scenario{Number: 3, StartAt: "9-16. Switch", Params: map[string]any{"DRY_RUN": false}})
	wantResult(t, b, "FAILURE")
	if sh := b.Steps("sh"); len(sh) != 1 || sh[0].Exit != 3 {
		t.Errorf("want one shell, and exit code 3:\n%s", outputs(b))
	}
}

func TestABuildRollsBack(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	was := w.state()
	wantResult(t, w.build(t, jenkins.Scenario{Number: 1, Params: map[string]any{"DRY_RUN": false, "STOP_AFTER": "switch"}}), "SUCCESS")
	status := w.build(t, jenkins.Scenario{Number: 2, Params: map[string]any{"ACTION": "status"}})
	wantResult(t, status, "SUCCESS")
	if !strings.Contains(outputs(status), "traffic      green: search-api") {
		t.Errorf("the status does not say where traffic is:\n%s", outputs(status))
	}
	rolledBack := w.build(t, jenkins.Scenario{Number: 3, Params: map[string]any{"ACTION": "rollback", "DRY_RUN": false}})
	wantResult(t, rolledBack, "SUCCESS")
	wantNoFailure(t, rolledBack)
	w.removeRetired()
	w.wantState(was)
}

func TestTheNightlyBuildReindexes(t *testing.T) {
	t.Parallel()
	w := start(t, small()) // with three documents that differ
	night := func(n int) jenkins.Build {
		return w.build(t, jenkins.Scenario{
			File: "jenkins/jobs/nightly-reindex.Jenkinsfile", Job: "nightly-reindex-preview", Number: n,
			JobParameters: []string{"STAGE"},
		})
	}
	b := night(1)
	wantResult(t, b, "SUCCESS")
	w.wantIndices("search_api_elasticsearch")
	wantNoFailure(t, b)

	// In the middle of a switch it does nothing, and succeeds.
	w.run(0, "elasticsearch", "run", "--to", "map-live-route")
	n := len(w.writes())
	b = night(2)
	wantResult(t, b, "SUCCESS")
	if !strings.Contains(outputs(b), "is between the switch and its end") || len(w.writes()) > n {
		t.Errorf("%d writes; output:\n%s", len(w.writes())-n, outputs(b))
	}
}
