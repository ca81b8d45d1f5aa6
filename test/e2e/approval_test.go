package e2e

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
	"github.com/digitalmarketplace/cutover/test/jenkins"
	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// subjects reads what an approval covers as a stage's first check does. It does so in this process, as it is called hundreds
// of times.
func (w *world) subjects() []report.Subject {
	w.t.Helper()
	settings, problems := environ.Load[elasticsearch.Settings](w.t.Context(), func(name string) (string, bool) { v, ok := w.Env[name]; return v, ok })
	if len(problems) > 0 {
		w.t.Fatal(problems)
	}
	site, err := elasticsearch.Open(w.t.Context(), settings, elasticsearch.Options{Redact: environ.NewRedactor(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	world, err := site.World(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return world
}

func (w *world) digest() string { w.t.Helper(); return report.Digest(w.subjects()) }

// The digest of a plan, made before any stage, is valid before and after each write of that stage and of all that follow.
func TestAnApprovedPlanIsValidInEveryStateOfItsRun(t *testing.T) {
	t.Parallel()
	for _, then := range []string{"stop", "delete"} {
		t.Run(then, func(t *testing.T) {
			t.Parallel()
			w := start(t, few())
			w.Env["REMOVE_OLD_APP"] = then
			var names, digests []string
			states := 0
			agree := func(when string) {
				t.Helper()
				states++
				if w.completed("remove-old-service") != "" || w.instance(retiredName) != "" {
					// Nothing is left but to end the run: the stage is skipped.
					w.with(map[string]string{"PLAN_DIGEST": digests[0]}, 0, "elasticsearch", "remove-old-service", "--dry-run")
					return
				}
				world := w.subjects()
				for i, digest := range digests {
					if err := report.Agrees(digest, world); err != nil {
						t.Errorf("approved before %s, %s: %v", names[i], when, err)
					}
				}
			}
			for _, step := range elasticsearch.Runbook(nil).Steps {
				w.before(step)
				names, digests = append(names, step.Name), append(digests, w.digest())
				extra := noHeartbeat()
				extra["PLAN_DIGEST"] = digests[0]
				hold := func() string {
					return w.fault(faults.Fault{Place: "cloud-controller", Kind: faults.Hold, WritesOnly: true, N: 1})
				}
				held := hold()
				p := w.begin(extra, "elasticsearch", step.Name)
				for {
					w.eventually("a write, or the end", func() bool { return w.hits(held) > 0 || p.Ended() })
					if p.Ended() {
						break
					}
					w.awaitHeld(held)
					agree("at a write of " + step.Name)
					if t.Failed() {
						return
					}
					next := hold()
					w.release(held, rig.Do)
					held = next
				}
				p.wantExit(0)
				w.removeFault(held)
				if !isLast(elasticsearch.Runbook(nil).Steps, step) {
					agree("after " + step.Name)
				}
			}
			if states < 100 {
				t.Errorf("only %d states were checked", states)
			}
		})
	}
}

// Where there is no run yet, the first stage says what is wrong.
func TestAnotherAppOnTheLiveRouteBeforeTheRunBegins(t *testing.T) {
	t.Parallel()
	w := start(t, few())
	settings := noHeartbeat()
	settings["PLAN_DIGEST"] = w.digest()
	w.mapTo(liveHost, w.createApp("somebody"))
	w.refused(settings, "the world is the one that was approved: the live route dm-search-api-preview.cloudapps.digital leads to 2 apps", "elasticsearch", "check-release")
}

// An approval is valid neither after a rollback nor for the next run.
func TestAnotherRunWasNotApproved(t *testing.T) {
	t.Parallel()
	w := start(t, few())
	beginning := w.digest()
	w.run(0, "elasticsearch", "check-release")
	begun := w.digest()
	w.run(0, "elasticsearch", "rollback")
	refused := func(digest, says string) {
		t.Helper()
		p := w.with(map[string]string{"PLAN_DIGEST": digest}, 3, "elasticsearch", "run", "--to", "create-service")
		if !regexp.MustCompile(says).MatchString(p.Stderr()) {
			t.Errorf("not logged: %q:\n%s", says, p.Stderr())
		}
	}
	refused(beginning, "run-before was another .* now 2")
	refused(begun, "run was another .* and is now not begun")
	w.run(0, "elasticsearch", "check-release")
	refused(beginning, "run-before was another .* now 2")
	refused(begun, "run was another .* now 2")
}

// planFor makes a plan for the stages that are to be approved, and returns its files.
func (w *world) planFor(stages string) map[string]string {
	w.t.Helper()
	p := w.with(map[string]string{"PLAN_FOR": stages}, 0, "elasticsearch", "plan")
	w.noSecret(p)
	if strings.Contains(p.Stdout(), "s3cret-parameter") {
		w.t.Errorf("the parameters were printed:\n%s", p.Stdout())
	}
	files := map[string]string{"stdout": p.Stdout()}
	for _, name := range []string{"plan.txt", "plan.json", "plan.digest", "plan.question"} {
		text, err := os.ReadFile(filepath.Join(p.dir, "reports", name))
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
		files[name] = string(text)
	}
	return files
}

func TestAPlanIsApprovedAndCarriedOut(t *testing.T) {
	t.Parallel()
	w := start(t, few())
	w.Env["SERVICE_PARAMETERS"] = `{"password":"s3cret-parameter"}`
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	files := w.planFor("map-live-route..rename-new-app")
	if !strings.HasSuffix(files["stdout"], "plan digest "+files["plan.digest"]+"\n") || files["plan.txt"] != files["stdout"] {
		t.Errorf("the output does not end with the digest %q, or plan.txt differs from it:\n%s", files["plan.digest"], files["stdout"])
	}
	for _, want := range []string{"9. Map the live route: ", "16. Rename the new app: rename app elasticsearch-migration to search-api", "Rolling back after 16: seconds to minutes"} {
		if !strings.Contains(files["plan.question"], want) {
			t.Errorf("the question does not say %q:\n%s", want, files["plan.question"])
		}
	}
	approved := map[string]string{"PLAN_DIGEST": files["plan.digest"], "APPROVED_BY": "ann"}
	p := w.with(approved, 0, "elasticsearch", "switch")
	if n := strings.Count(p.Stderr(), "the world is the one that was approved: "); n != 4 || !strings.Contains(p.Stderr(), "approved by ann") {
		t.Errorf("%d of 4 stages say that the world was approved:\n%s", n, p.Stderr())
	}
	if record := w.completed("unmap-old-app"); !strings.Contains(record, `"approved by":"ann"`) {
		t.Errorf("the run does not record who approved: %s", record)
	}
	w.with(approved, 0, "elasticsearch", "run", "--to", "rename-new-app")
	if files := w.planFor("map-live-route..rename-new-app"); files["plan.question"] != "" || files["plan.digest"] == "" {
		t.Errorf("the question is about complete stages: %q", files["plan.question"])
	}
}

// Read-only commands and a rollback need no approval, whatever the job exports.
func TestOnlyStagesNeedAnApproval(t *testing.T) {
	t.Parallel()
	w := start(t, few())
	w.Env["PLAN_DIGEST"] = w.digest()
	w.run(0, "elasticsearch", "run", "--to", "create-service")
	w.setVariable(w.app("search-api"), "DM_LOG_PATH", "/tmp/changed")
	w.refused(nil, "blue-variables was another", "elasticsearch", "generate-manifest")
	w.run(0, "elasticsearch", "plan")
	w.run(0, "elasticsearch", "status")
	w.run(3, "elasticsearch", "guard")
	w.run(0, "elasticsearch", "rollback")
}

// A production build asks for approvals, does only what was approved, and can be resumed at an approval by another build, in an
// empty workspace.
func TestAProductionBuildIsApprovedStepByStep(t *testing.T) {
	t.Parallel()
	o := few()
	o.Stage, o.Drift = "production", -1
	w := start(t, o)
	params := map[string]any{"STAGE": "production", "DRY_RUN": false}
	first := w.build(t, jenkins.Scenario{Number: 1, Params: params, Inputs: map[string]string{"switch": "proceed"}})
	wantResult(t, first, "ABORTED")
	if record := w.completed("unmap-old-app"); !strings.Contains(record, `"approved by":"someone"`) {
		t.Errorf("the run does not record who approved the switch: %s", record)
	}
	if w.completed("rename-new-app") == "" || w.completed("remove-old-app") != "" {
		t.Errorf("it did not stop after step 16:\n%s", outputs(first))
	}
	questions := first.Steps("input")
	for i, want := range []string{"9. Map the live route: ", "17. Remove the old app: stop app search-api-old"} {
		if message := questions[i].Args["message"].(string); !strings.Contains(message, want) {
			t.Errorf("the question does not say %q:\n%s", want, message)
		}
	}

	n := len(w.writes())
	restarted := w.build(t, jenkins.Scenario{Number: 2, StartAt: "17. Remove the old app", Params: params})
	wantResult(t, restarted, "FAILURE")
	if some := w.writes()[n:]; len(some) > 0 {
		t.Errorf("without an approval it wrote %+v", some)
	}
	again := w.build(t, jenkins.Scenario{
		Number: 3, StartAt: "Approve 17", Params: params, Inputs: map[string]string{"remove-old-app": "proceed", "remove-old-service": "proceed"},
	})
	wantResult(t, again, "SUCCESS")
	if w.instance(retiredName) == "" {
		t.Error("the run has not ended")
	}
}
