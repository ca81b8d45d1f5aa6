package jenkins_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/jenkins"
)

func TestMigrationRunsEveryStepInOrder(t *testing.T) {
	r := rehearse(t, jenkins.Scenario{})

	diff(t, "result", "SUCCESS", r.Result)
	diff(t, "stages", outcomes(len(runbook), "", ""), r.Outcomes())
	diff(t, "commands", upTo(len(runbook)-1, commandsOf), r.commands())
	diff(t, "published reports", upTo(len(runbook)-1, reportsOf), r.published())
	diff(t, "the build's name", "#1 - preview - migrate (dry run)", r.DisplayName)
	for _, call := range r.calls {
		if !strings.HasSuffix(call, "STAGE=preview DRY_RUN=true") {
			t.Errorf("without a choice a build has to be a dry run: %s", call)
		}
	}
}

func TestTheReportsOfTheSwitchAreTheOnesOfTheProcessThatSwitched(t *testing.T) {
	for _, e := range rehearse(t, jenkins.Scenario{}).Steps("junit") {
		for _, c := range e.Cases {
			if c.Status != "passed" {
				t.Errorf("%s: %s is published as %s: %s", e.Stage, c.Class, c.Status, c.Message)
			}
		}
	}
}

func TestCommandsAreThoseThatRun(t *testing.T) {
	want := append(upTo(len(runbook)-1, commandsOf), "plan", "status", "rollback", "unlock", "plan")
	diff(t, "commands in the file", want, jenkins.Commands(t, "Jenkinsfile"))
	diff(t, "commands in the nightly file", []string{"reindex"}, jenkins.Commands(t, nightly))
}

func TestDryRunCanBeTurnedOff(t *testing.T) {
	r := rehearse(t, jenkins.Scenario{
		Params: map[string]any{"STAGE": "production", "DRY_RUN": false},
		Inputs: map[string]string{"switch": "proceed", "remove-old-app": "proceed", "remove-old-service": "proceed"},
	})

	diff(t, "result", "SUCCESS", r.Result)
	for _, call := range r.calls {
		if !strings.Contains(call, "STAGE=production DRY_RUN=false") {
			t.Errorf("the choice did not reach the program: %s", call)
		}
	}
}

func TestAFailureStopsTheMigrationAndIsReported(t *testing.T) {
	exits := []int{1, 2, 3, 4, 130}
	for k, f := range failures() {
		n, s, exit := f.stage, runbook[f.stage], exits[k%len(exits)]
		t.Run(fmt.Sprintf("%s with %d", f.command, exit), func(t *testing.T) {
			r := rehearse(t, jenkins.Scenario{Env: map[string]string{"FAIL": fmt.Sprintf("%s=%d", f.command, exit)}})

			diff(t, "result", "FAILURE", r.Result)
			diff(t, "stages", outcomes(n, "FAILURE", "earlier failure"), r.Outcomes())
			done := s.commands[:slices.Index(s.commands, f.command)+1]
			diff(t, "commands", append(before(n, commandsOf), done...), r.commands())
			diff(t, "published reports", append(before(n, reportsOf), s.published(f.command)...), r.published())
			shells, reports := r.Steps("sh"), r.Steps("junit")
			diff(t, "exit code", exit, shells[len(shells)-1].Exit)
			if reports[len(reports)-1].Failed == 0 {
				t.Error("the report of the stage that failed shows no failure")
			}
		})
	}
}

func TestAFailureWithoutAReportIsStillTheStepsOwn(t *testing.T) {
	r := rehearse(t, jenkins.Scenario{Env: map[string]string{"FAIL": "push-app=4", "REPORT": "none"}})

	diff(t, "result", "FAILURE", r.Result)
	var causes []string
	for _, e := range r.Events {
		if e.Event == "error" {
			causes = append(causes, e.Error)
		}
	}
	diff(t, "causes", []string{"script returned exit code 4"}, causes)
}

func TestReportsOverruleAGoodExitCode(t *testing.T) {
	for _, report := range []string{"failing", "empty", "broken"} {
		t.Run(report, func(t *testing.T) {
			r := rehearse(t, jenkins.Scenario{Env: map[string]string{"REPORT": report}})

			diff(t, "result", "UNSTABLE", r.Result)
			diff(t, "stages", outcomes(0, "UNSTABLE", "unstable"), r.Outcomes())
		})
	}
}

func TestTheProgramRejectsABuildWithoutAnEnvironment(t *testing.T) {
	for name, s := range map[string]struct {
		scenario jenkins.Scenario
		call     string
	}{
		"nothing selected": {
			jenkins.Scenario{Params: map[string]any{}},
			"elasticsearch check-release | STAGE=Select one DRY_RUN=true",
		},
		"the first build, whose form nobody has seen": {
			jenkins.Scenario{FirstBuild: true},
			"elasticsearch check-release | STAGE=unset DRY_RUN=unset",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := rehearse(t, s.scenario)

			diff(t, "result", "FAILURE", r.Result)
			diff(t, "calls", []string{s.call}, r.calls)
			diff(t, "exit code", 2, r.Steps("sh")[0].Exit)
		})
	}
}

func TestRestartFromAnyStage(t *testing.T) {
	for _, s := range runbook {
		t.Run(s.title, func(t *testing.T) {
			r := rehearse(t, jenkins.Scenario{Number: 2, StartAt: s.title})

			diff(t, "result", "SUCCESS", r.Result)
			all := upTo(len(runbook)-1, commandsOf)
			diff(t, "commands", all[slices.Index(all, s.commands[0]):], r.commands())
			if got := r.Outcomes(); !slices.Contains(got, s.title+": SUCCESS") {
				t.Errorf("the stage did not run: %v", got)
			}
		})
	}
}

func TestNothingIsLeftInAWorkspaceOrArchivedThatIsSecret(t *testing.T) {
	dir := t.TempDir()
	r := rehearse(t, jenkins.Scenario{Directory: dir})

	var archived []string
	for _, e := range r.Steps("archiveArtifacts") {
		archived = append(archived, e.Files...)
		for pattern := range strings.SplitSeq(e.Args["artifacts"].(string), ",") {
			if !strings.HasPrefix(strings.TrimSpace(pattern), "reports/") {
				t.Errorf("%s: %s may archive more than reports", e.Stage, pattern)
			}
		}
	}
	var want []string
	for _, xml := range upTo(len(runbook)-1, reportsOf) {
		want = append(want, strings.TrimSuffix(xml, ".xml")+".json", xml)
	}
	diff(t, "archived files", want, archived)

	left, err := filepath.Glob(filepath.Join(dir, "workspace-*"))
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "workspaces left", []string(nil), left)
}

// Step 18 has the release job run, once, where nobody has released yet; and holds nothing while it does.
func TestTheReleaseJobIsRunWhereNobodyHasReleased(t *testing.T) {
	type params = map[string]any
	released := map[string]any{"STAGE": "staging", "APPLICATION_NAME": "search-api", "RELEASE_NAME": "release-1234"}
	for name, c := range map[string]struct {
		params params
		env    map[string]string
		job    string
		runs   []any
		awaits int
		result string
	}{
		"nobody has released":   {params{"DRY_RUN": false}, nil, "SUCCESS", []any{released}, 2, "SUCCESS"},
		"somebody has":          {params{"DRY_RUN": false}, map[string]string{"RELEASED": "yes"}, "SUCCESS", nil, 1, "SUCCESS"},
		"a dry run":             {params{}, nil, "SUCCESS", nil, 1, "SUCCESS"},
		"the job fails":         {params{"DRY_RUN": false}, nil, "FAILURE", []any{released}, 1, "FAILURE"},
		"what it does is wrong": {params{"DRY_RUN": false}, map[string]string{"FAIL": "await-release=1"}, "SUCCESS", []any{released}, 2, "FAILURE"},
		"one is left half-way":  {params{"DRY_RUN": false}, map[string]string{"FAIL": "await-release=3"}, "SUCCESS", nil, 1, "FAILURE"},
	} {
		t.Run(name, func(t *testing.T) {
			c.params["STAGE"], c.params["RELEASE"] = "staging", "release-1234"
			job := releaseApp
			job.Result = c.job
			r := rehearse(t, jenkins.Scenario{
				Params: c.params, Env: c.env, StartAt: "18. Await the release",
				Jobs: map[string]jenkins.Job{"notify-slack": notifySlack, "release-app-paas": job},
			})

			var runs []any
			for _, e := range r.Steps("build") {
				if e.Args["job"] != "release-app-paas" {
					continue
				}
				runs = append(runs, e.Args["parameters"])
				if e.Agent || len(e.Locks) > 0 {
					t.Errorf("the job is awaited with an executor (%v) and %v held", e.Agent, e.Locks)
				}
			}
			diff(t, "runs of the release job", c.runs, runs)
			awaits := slices.DeleteFunc(r.commands(), func(one string) bool { return one != "await-release" })
			diff(t, "calls of await-release", c.awaits, len(awaits))
			diff(t, "result", c.result, r.Result)
			if reports := r.published(); c.job == "SUCCESS" && !slices.Contains(reports, "reports/18-await-release.xml") {
				t.Errorf("the report of step 18 is not published: %v", reports)
			}
		})
	}
}

func TestTheReleaseJobIsHeldOffOnlyWhileItWouldBeFatal(t *testing.T) {
	held := func(r rehearsal) []string {
		var commands []string
		for _, e := range r.Steps("sh") {
			if slices.Contains(e.Locks, deployLock) {
				commands = append(commands, strings.Fields(e.Args["script"].(string))[3])
			}
		}
		return commands
	}

	r := rehearse(t, jenkins.Scenario{})
	diff(t, "commands under the lock", titled(t, "9-16. Switch").commands, held(r))
	for _, e := range r.Events {
		if e.Event == "lock" && e.Agent {
			t.Errorf("an executor is held while the lock is awaited: %s", e.Stage)
		}
	}

	r = rehearse(t, jenkins.Scenario{Params: map[string]any{"STAGE": "preview", "ACTION": "rollback"}})
	diff(t, "commands under the lock", []string{"rollback"}, held(r))
}

func TestOnlyWhatNeedsTheLockWaitsForIt(t *testing.T) {
	for action, waits := range map[string]bool{"migrate": true, "rollback": true, "plan": false, "status": false, "unlock": false} {
		t.Run(action, func(t *testing.T) {
			r := rehearse(t, jenkins.Scenario{
				Params:            map[string]any{"STAGE": "preview", "ACTION": action, "RUN": "r1"},
				LocksHeldByOthers: []string{deployLock},
			})

			want := "SUCCESS"
			if waits {
				want = "ABORTED"
			}
			diff(t, "result", want, r.Result)
			for _, forbidden := range []string{"switch", "rollback"} {
				if slices.Contains(r.commands(), forbidden) {
					t.Errorf("%s ran without the lock", forbidden)
				}
			}
		})
	}
}

func TestAnAbortReachesTheProgramAndItsReportIsKept(t *testing.T) {
	for _, f := range failures() {
		n, s := f.stage, runbook[f.stage]
		t.Run(f.command, func(t *testing.T) {
			r := rehearse(t, jenkins.Scenario{
				Params:  map[string]any{"STAGE": "preview", "DRY_RUN": false},
				Env:     map[string]string{"HANG": f.command},
				AbortOn: "waiting to be aborted",
			})

			diff(t, "result", "ABORTED", r.Result)
			diff(t, "stages", outcomes(n, "ABORTED", "earlier failure"), r.Outcomes())
			shells := r.Steps("sh")
			diff(t, "exit code", 130, shells[len(shells)-1].Exit)
			diff(t, "published reports", append(before(n, reportsOf), s.published(f.command)...), r.published())
			diff(t, "told", []string{"FAILED"}, told(r))
		})
	}
}

func TestStopAfter(t *testing.T) {
	r := rehearse(t, jenkins.Scenario{})
	var choices []string
	for _, p := range r.Pipeline().Parameters {
		if p.Name == "STOP_AFTER" {
			choices = p.Choices
		}
	}
	want := []string{""}
	for _, s := range runbook[:len(runbook)-1] {
		want = append(want, s.commands[0])
	}
	diff(t, "choices", want, choices)

	for n, s := range runbook[:len(runbook)-1] {
		t.Run(s.commands[0], func(t *testing.T) {
			r := rehearse(t, jenkins.Scenario{Params: map[string]any{"STAGE": "preview", "STOP_AFTER": s.commands[0]}})

			diff(t, "result", "SUCCESS", r.Result)
			diff(t, "commands", upTo(n, commandsOf), r.commands())
		})
	}
}

func TestActionsOtherThanMigrateRunNothingElse(t *testing.T) {
	const hostile = `r1"; echo owned >owned; $(echo owned) '`
	for action, reports := range map[string][]string{
		"plan":     nil,
		"status":   nil,
		"rollback": {"reports/rollback-09-map-live-route.xml", "reports/rollback-11-unmap-old-app.xml"},
		"unlock":   nil,
	} {
		t.Run(action, func(t *testing.T) {
			r := rehearse(t, jenkins.Scenario{Params: map[string]any{"STAGE": "staging", "ACTION": action, "RUN": " " + hostile + " "}})

			diff(t, "result", "SUCCESS", r.Result)
			diff(t, "calls", []string{"elasticsearch " + action + " | STAGE=staging DRY_RUN=true RUN=" + hostile}, r.calls)
			diff(t, "published reports", reports, r.published())
		})
	}
}

// told is what other people were told, in order.
func told(r rehearsal) []string {
	var statuses []string
	for _, e := range r.Steps("build") {
		if e.Args["job"] != "notify-slack" {
			continue
		}
		statuses = append(statuses, e.Args["parameters"].(map[string]any)["STATUS"].(string))
	}
	return statuses
}

func TestTheChannelIsToldOfWhatMayHaveChangedSomething(t *testing.T) {
	type params = map[string]any
	for name, c := range map[string]struct {
		params params
		fail   string
		told   []string
	}{
		"a run that went well":  {params{"DRY_RUN": false}, "", []string{"SUCCESS"}},
		"one that did not":      {params{"DRY_RUN": false}, "push-app=1", []string{"FAILED"}},
		"a rollback":            {params{"DRY_RUN": false, "ACTION": "rollback"}, "", []string{"SUCCESS"}},
		"a dry run":             {params{}, "", nil},
		"a dry run that failed": {params{}, "push-app=1", nil},
		"a look at the status":  {params{"DRY_RUN": false, "ACTION": "status"}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.params["STAGE"] = "preview"
			r := rehearse(t, jenkins.Scenario{Params: c.params, Env: map[string]string{"FAIL": c.fail}})

			diff(t, "told", c.told, told(r))
			for _, e := range r.Steps("build") {
				if e.Args["job"] == "notify-slack" && e.Args["wait"] != false {
					t.Error("the build waits for the message to be sent")
				}
			}
		})
	}
}

func TestAMessageThatCannotBeSentChangesNothing(t *testing.T) {
	params := map[string]any{"STAGE": "preview", "DRY_RUN": false}
	for name, jobs := range map[string]map[string]jenkins.Job{
		"no such job":         {"another": {}},
		"no such channel":     {"notify-slack": {Parameters: map[string][]string{"USERNAME": nil, "ICON": nil, "JOB": nil, "CHANNEL": {"#other"}, "PROJECT": nil, "STAGE": nil, "RELEASE_NAME": nil, "STATUS": nil, "URL": nil}}},
		"the message is lost": {"notify-slack": {Result: "FAILURE", Parameters: notifySlack.Parameters}},
	} {
		t.Run(name, func(t *testing.T) {
			jobs["release-app-paas"] = releaseApp
			r := rehearse(t, jenkins.Scenario{Params: params, Jobs: jobs})
			diff(t, "result", "SUCCESS", r.Result)
		})
	}
}

func TestTheFormIsSafeToSendAsItIs(t *testing.T) {
	p := rehearse(t, jenkins.Scenario{}).Pipeline()

	defaults := map[string]any{}
	for _, parameter := range p.Parameters {
		defaults[parameter.Name] = parameter.Default
		if parameter.Type == "string" && !parameter.Trim {
			t.Errorf("%s is not trimmed", parameter.Name)
		}
	}
	diff(t, "STAGE", "Select one", defaults["STAGE"])
	diff(t, "DRY_RUN", true, defaults["DRY_RUN"])
	if _, ok := p.Options["disableConcurrentBuilds"]; !ok {
		t.Error("two builds may run at once")
	}
}

func TestNothingIsWrittenIntoAShellCommand(t *testing.T) {
	for file, want := range map[string]int{"Jenkinsfile": 26, nightly: 1} {
		steps := jenkins.ShellSteps(t, file)
		diff(t, "shell steps in "+file, want, len(steps))
		for _, s := range steps {
			if s.Quote != "'" || !s.Constant {
				t.Errorf("%s:%d: a shell step has to be in single quotes, so that nothing is put into it", file, s.Line)
			}
		}
	}
}

func TestTheProgramTakesTheShellsPlace(t *testing.T) {
	for _, file := range []string{"Jenkinsfile", nightly} {
		text, err := os.ReadFile(filepath.Join(jenkins.Root(t), file))
		if err != nil {
			t.Fatal(err)
		}
		if all, withExec := strings.Count(string(text), "cutover elasticsearch"), strings.Count(string(text), "'exec cutover elasticsearch"); all != withExec {
			t.Errorf("%s: %d of %d calls begin with exec", file, withExec, all)
		}
	}
}
