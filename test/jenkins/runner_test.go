package jenkins_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/jenkins"
)

// The runner is only worth something if it is as strict as a controller, so these tests are of the runner itself.

// try runs a pipeline that is given as text.
func try(t *testing.T, text string, s jenkins.Scenario) jenkins.Build {
	t.Helper()
	s.File = filepath.Join(t.TempDir(), "Jenkinsfile")
	if err := os.WriteFile(s.File, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Env == nil {
		s.Env = map[string]string{"PATH": "/usr/bin:/bin"}
	}
	return jenkins.Run(t, s)
}

// oneStage is a pipeline of one stage; extra goes beside its stages.
func oneStage(steps, extra string) string {
	return "pipeline { agent any\nstages { stage('one') { steps { " + steps + " } } }\n" + extra + " }"
}

func TestRunnerRejects(t *testing.T) {
	for name, c := range map[string]struct{ pipeline, because string }{
		"text that is no Groovy":               {"pipeline { agent any", "expecting '}'"},
		"a file without a pipeline":            {"def a = 1", "there is no pipeline"},
		"two pipelines":                        {oneStage("echo 'a'", "") + "\n" + oneStage("echo 'a'", ""), "two pipelines"},
		"no agent":                             {"pipeline { stages { stage('one') { steps { echo 'a' } } } }", "agent is missing"},
		"no agent in a stage":                  {"pipeline { agent none\nstages { stage('one') { steps { echo 'a' } } } }", "stage one: there is no agent"},
		"another agent than there is":          {"pipeline { agent some\nstages { stage('one') { steps { echo 'a' } } } }", "unknown property some"},
		"no stages":                            {"pipeline { agent any }", "stages are missing"},
		"stages without a stage":               {"pipeline { agent any\nstages { } }", "there is none"},
		"a stage without steps":                {"pipeline { agent any\nstages { stage('one') { } } }", "steps are missing"},
		"two stages of one name":               {"pipeline { agent any\nstages { stage('one') { steps { echo 'a' } }\nstage('one') { steps { echo 'a' } } } }", "given twice"},
		"a stage in a stage":                   {"pipeline { agent any\nstages { stage('one') { stages { stage('two') { steps { echo 'a' } } } } } }", "cannot be restarted"},
		"an unknown directive":                 {oneStage("echo 'a'", "agents { }"), "unknown directive agents"},
		"an unknown directive of a stage":      {"pipeline { agent any\nstages { stage('one') { step { echo 'a' } } } }", "unknown directive step"},
		"a directive given twice":              {oneStage("echo 'a'", "options { }\noptions { }"), "options is given twice"},
		"an option of a plugin that is absent": {oneStage("echo 'a'", "options { timestamps() }"), "unknown directive timestamps"},
		"an unknown argument of an option":     {oneStage("echo 'a'", "options { disableConcurrentBuilds(abort: true) }"), "unknown argument abort"},
		"an option of the pipeline in a stage": {"pipeline { agent any\nstages { stage('one') { options { disableConcurrentBuilds() }\nsteps { echo 'a' } } } }", "of the pipeline only"},
		"an unknown kind of parameter":         {oneStage("echo 'a'", "parameters { number(name: 'N') }"), "unknown directive number"},
		"an unknown argument of a parameter":   {oneStage("echo 'a'", "parameters { string(name: 'N', value: 'a') }"), "unknown argument value"},
		"a default of the wrong type":          {oneStage("echo 'a'", "parameters { booleanParam(name: 'N', defaultValue: 'true') }"), "cannot be String"},
		"a trigger without five fields":        {oneStage("echo 'a'", "triggers { cron('H 2 * *') }"), "five fields"},
		"an unknown condition of a stage":      {"pipeline { agent any\nstages { stage('one') { when { wish { true } }\nsteps { echo 'a' } } } }", "unknown directive wish"},
		"a when without a condition":           {"pipeline { agent any\nstages { stage('one') { when { beforeAgent true }\nsteps { echo 'a' } } } }", "no condition"},
		"an unknown condition in post":         {oneStage("echo 'a'", "post { sometimes { echo 'b' } }"), "unknown condition sometimes"},
		"an unknown step":                      {oneStage("slackSend 'a'", ""), "unknown step slackSend"},
		"an unknown argument of a step":        {oneStage("junit testResults: 'a.xml', skipOldReports: true", ""), "unknown argument skipOldReports"},
		"an argument of the wrong type":        {oneStage("sh script: 'true', returnStatus: 'yes'", ""), "returnStatus cannot be String"},
		"an argument that is missing":          {oneStage("sh label: 'a'", ""), "script is missing"},
		"a property nobody has set":            {oneStage("echo nothing", ""), "unknown property nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			b := try(t, c.pipeline, jenkins.Scenario{})
			if !strings.Contains(b.Error, c.because) || b.Result != "FAILURE" {
				t.Errorf("%s, %q; want a failure because of %q", b.Result, b.Error, c.because)
			}
		})
	}
}

func TestRunnerRejectsParametersThatTheFormHasNot(t *testing.T) {
	pipeline := oneStage("echo params.COLOUR", "parameters { choice(name: 'COLOUR', choices: ['blue', 'green']) }")
	for name, c := range map[string]struct {
		params  map[string]any
		because string
	}{
		"an unknown one":    {map[string]any{"SIZE": "1"}, "there is no parameter SIZE"},
		"an unknown choice": {map[string]any{"COLOUR": "red"}, "red is no choice"},
	} {
		t.Run(name, func(t *testing.T) {
			if b := try(t, pipeline, jenkins.Scenario{Params: c.params}); !strings.Contains(b.Error, c.because) {
				t.Errorf("error %q, want %q", b.Error, c.because)
			}
		})
	}
}

func TestRunnerStepsThatNeedAnAgentFailWithoutOne(t *testing.T) {
	pipeline := "pipeline { agent none\nstages { stage('one') { agent any\nsteps { echo 'a' } } }\npost { always { sh 'true' } } }"
	diff(t, "result", "FAILURE", try(t, pipeline, jenkins.Scenario{}).Result)

	inNode := strings.Replace(pipeline, "sh 'true'", "node { sh 'true' }", 1)
	diff(t, "result with a node", "SUCCESS", try(t, inNode, jenkins.Scenario{}).Result)
}

// echoes are the messages of a build's echo steps.
func echoes(b jenkins.Build) string {
	var all []string
	for _, e := range b.Steps("echo") {
		all = append(all, e.Args["message"].(string))
	}
	return strings.Join(all, " ")
}

func TestRunnerPostConditions(t *testing.T) {
	post := "post {"
	for _, c := range []string{"cleanup", "unsuccessful", "unstable", "success", "failure", "aborted", "regression", "fixed", "changed", "always"} {
		post += "\n" + c + " { echo '" + c + "' }"
	}
	post += " }"
	for name, c := range map[string]struct{ steps, before, want string }{
		"a good build":             {"sh 'true'", "SUCCESS", "always success cleanup"},
		"a good one after a bad":   {"sh 'true'", "FAILURE", "always changed fixed success cleanup"},
		"a bad build":              {"sh 'false'", "FAILURE", "always failure unsuccessful cleanup"},
		"a bad one after a good":   {"sh 'false'", "SUCCESS", "always changed regression failure unsuccessful cleanup"},
		"an unstable build":        {"unstable 'a'", "UNSTABLE", "always unstable unsuccessful cleanup"},
		"an aborted build":         {"input 'Go on?'", "ABORTED", "always aborted unsuccessful cleanup"},
		"an error said in so many": {"error 'no'", "FAILURE", "always failure unsuccessful cleanup"},
	} {
		t.Run(name, func(t *testing.T) {
			b := try(t, oneStage(c.steps, post), jenkins.Scenario{PreviousResult: c.before})
			diff(t, "post", c.want, strings.Join(strings.Fields(echoes(b)), " "))
			diff(t, "error", "", b.Error)
		})
	}
}

func TestRunnerConditionsOfAStage(t *testing.T) {
	for when, runs := range map[string]bool{
		"expression { params.A == 'x' }":                                                 true,
		"expression { params.A == 'y' }":                                                 false,
		"not { expression { params.A == 'y' } }":                                         true,
		"environment name: 'A', value: 'x'":                                              true,
		"allOf { expression { true }\nexpression { false } }":                            false,
		"anyOf { expression { true }\nexpression { false } }":                            true,
		"expression { true }\nexpression { false }":                                      false,
		"triggeredBy 'TimerTrigger'":                                                     false,
		"beforeOptions true; expression { own() }\n":                                     true,
		"beforeAgent true\nanyOf { environment name: 'B', value: ''\nexpression { 0 } }": false,
	} {
		t.Run(when, func(t *testing.T) {
			b := try(t, "pipeline { agent none\nparameters { string(name: 'A', defaultValue: 'x') }\nstages { stage('one') { agent any\nwhen { "+
				when+" }\nsteps { echo 'ran' } } } }\nboolean own() { params.A == 'x' }", jenkins.Scenario{})
			want := "one: skipped (when)"
			if runs {
				want = "one: SUCCESS"
			}
			diff(t, "error", "", b.Error)
			diff(t, "stage", []string{want}, b.Outcomes())
		})
	}
}

func TestRunnerWithoutBeforeOptionsALockIsTakenForNothing(t *testing.T) {
	stage := "pipeline { agent none\nstages { stage('one') { agent any\nwhen { %expression { false } }\noptions { lock('a') }\nsteps { echo 'ran' } } } }"
	for before, want := range map[string]string{"": "ABORTED", "beforeAgent true; ": "ABORTED", "beforeOptions true; ": "SUCCESS"} {
		b := try(t, strings.Replace(stage, "%", before, 1), jenkins.Scenario{LocksHeldByOthers: []string{"a"}})
		diff(t, "result with "+before, want, b.Result)
	}
}

func TestRunnerSteps(t *testing.T) {
	for name, c := range map[string]struct{ steps, echoed, result string }{
		"the exit code as a value":       {"script { int code = sh(script: 'exit 3', returnStatus: true); echo \"got ${code}\" }", "got 3", "SUCCESS"},
		"the output as a value":          {"script { echo sh(script: 'echo hello', returnStdout: true) }", "+ echo hello\nhello\n", "SUCCESS"},
		"variables for some steps":       {"withEnv(['A=b=c']) { sh '[ \"$A\" = b=c ]' }\nsh '[ -z \"$A\" ]'", "", "SUCCESS"},
		"a failure caught":               {"catchError(buildResult: 'UNSTABLE', stageResult: 'FAILURE') { error 'no' }\necho 'on'", "on", "UNSTABLE"},
		"a failure caught for nothing":   {"catchError(buildResult: 'SUCCESS', stageResult: 'SUCCESS') { error 'no' }\necho 'on'", "on", "SUCCESS"},
		"a second attempt":               {"retry(2) { sh '[ -e tried ] || { touch tried; false; }' }\necho 'on'", "on", "SUCCESS"},
		"a file that is there":           {"sh 'echo hello >a'\nscript { if (fileExists('a')) { echo readFile('a') } }", "hello\n", "SUCCESS"},
		"a file that is not":             {"echo readFile('a')", "", "FAILURE"},
		"the first command that fails":   {"sh 'false; true'", "", "FAILURE"},
		"a method of the pipeline's own": {"greet('you')", "hello you", "SUCCESS"},
	} {
		t.Run(name, func(t *testing.T) {
			b := try(t, oneStage(c.steps, "")+"\nvoid greet(String who) { echo \"hello ${who}\" }", jenkins.Scenario{})
			diff(t, "error", "", b.Error)
			diff(t, "result", c.result, b.Result)
			diff(t, "echoed", c.echoed, echoes(b))
		})
	}
}

func TestRunnerEnvironmentAndAnsweredQuestion(t *testing.T) {
	b := try(t, "pipeline { agent any\nenvironment { A = 'outer'; B = 'outer' }\nstages { stage('one') {\nenvironment { B = \"in ${env.A}\" }\n"+
		"input { message 'Go on?'\nsubmitterParameter 'WHO' }\nsteps { sh 'echo \"$A, $B, $WHO, $STAGE_NAME\"' } } } }",
		jenkins.Scenario{Inputs: map[string]string{"Go on?": "proceed"}})
	diff(t, "error", "", b.Error)
	if out := b.Steps("sh")[0].Output; !strings.Contains(out, "\nouter, in outer, someone, one\n") {
		t.Errorf("the shell said %q", out)
	}
}

func TestRunnerOtherJobs(t *testing.T) {
	jobs := map[string]jenkins.Job{"other": {Result: "FAILURE", Parameters: map[string][]string{"A": nil}}}
	for steps, want := range map[string]string{
		"build job: 'other'":                   "FAILURE",
		"build job: 'other', propagate: false": "SUCCESS",
		"build job: 'other', wait: false":      "SUCCESS",
		"build job: 'absent', wait: false":     "FAILURE",
		"build job: 'other', wait: false, parameters: [string(name: 'A', value: '')]": "SUCCESS",
		"build job: 'other', wait: false, parameters: [string(name: 'B', value: '')]": "FAILURE",
	} {
		diff(t, steps, want, try(t, oneStage(steps, ""), jenkins.Scenario{Jobs: jobs}).Result)
	}
}

func TestRunnerReadsReportsAsJenkinsDoes(t *testing.T) {
	const write = "sh '''cat >r.xml <<'END'\n%\nEND'''\njunit 'r.xml'"
	for name, c := range map[string]struct {
		xml    string
		result string
		cases  []jenkins.Case
	}{
		"suites in suites are flattened": {
			`<testsuites><testsuite name="a"><testsuite name="b" package="p"><testcase name="c" classname="d"/></testsuite></testsuite></testsuites>`,
			"SUCCESS",
			[]jenkins.Case{{"p.b", "d", "c", "passed", ""}},
		},
		"a suite without a case is dropped": {`<testsuite name="a" failures="1"/>`, "SUCCESS", nil},
		"an error of the suite is a case":   {`<testsuite name="a"><error message="m"/></testsuite>`, "UNSTABLE", []jenkins.Case{{"a", "", "<init>", "failed", "m"}}},
		"skipped wins over failed":          {`<testsuite name="a"><testcase name="c"><skipped message="s"/><failure/></testcase></testsuite>`, "SUCCESS", []jenkins.Case{{"a", "a", "c", "skipped", "s"}}},
		"an empty failure is one":           {`<testsuite name="a"><testcase name="c"><failure/></testcase></testsuite>`, "UNSTABLE", []jenkins.Case{{"a", "a", "c", "failed", ""}}},
		"errors count as failures":          {`<testsuite name="a"><testcase name="c"><error message="m"/></testcase></testsuite>`, "UNSTABLE", []jenkins.Case{{"a", "a", "c", "failed", "m"}}},
		"a suite without a name":            {`<testsuite><testcase name="c"/></testsuite>`, "SUCCESS", []jenkins.Case{{"(r.xml)", "(r.xml)", "c", "passed", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := try(t, oneStage(strings.Replace(write, "%", c.xml, 1), ""), jenkins.Scenario{})
			diff(t, "error", "", b.Error)
			diff(t, "result", c.result, b.Result)
			var cases []jenkins.Case
			cases = append(cases, b.Steps("junit")[0].Cases...)
			diff(t, "cases", c.cases, cases)
		})
	}
	for steps, want := range map[string]string{
		"sh ': >r.xml'\njunit 'r.xml'":                                 "[empty]",
		"sh 'echo \"<testsuite\" >r.xml'\njunit 'r.xml'":               "[failed-to-read]",
		"sh 'mkdir d; : >d/a.xml; : >d/b.txt'\njunit 'x.xml, d/*.xml'": "[empty]",
	} {
		b := try(t, oneStage(steps, ""), jenkins.Scenario{})
		diff(t, "result", "UNSTABLE", b.Result)
		if cases := b.Steps("junit")[0].Cases; len(cases) != 1 || cases[0].Name != want {
			t.Errorf("%s: cases %v, want %s", steps, cases, want)
		}
	}
	diff(t, "no report", "FAILURE", try(t, oneStage("junit 'r.xml'", ""), jenkins.Scenario{}).Result)
	diff(t, "no report, allowed", "SUCCESS", try(t, oneStage("junit testResults: 'r.xml', allowEmptyResults: true", ""), jenkins.Scenario{}).Result)
}

func TestRunnerAbortReachesChildrenFirst(t *testing.T) {
	// The program tidies up before it ends: for as long as it has a shell above it, where it has one.
	const program = `trap "$TIDY; exit 130" TERM; echo ready; while :; do read -r -t 1 line <>fifo; done`
	for name, c := range map[string]struct {
		call, tidy string
		exit       int
	}{
		"the shell waits for a program and ends first": {`bash -c "$PROGRAM"`, "while kill -0 $PPID; do :; done", 143},
		"the program has taken the shell's place":      {`exec bash -c "$PROGRAM"`, "echo tidy", 130},
	} {
		t.Run(name, func(t *testing.T) {
			b := try(t, oneStage("sh 'mkfifo fifo; "+c.call+"'", ""), jenkins.Scenario{
				Env: map[string]string{"PATH": "/usr/bin:/bin", "PROGRAM": program, "TIDY": c.tidy}, AbortOn: "ready",
			})
			diff(t, "result", "ABORTED", b.Result)
			diff(t, "exit code", c.exit, b.Steps("sh")[0].Exit)
		})
	}
}

func TestRunnerRestart(t *testing.T) {
	pipeline := "pipeline { agent any\nstages { stage('one') { steps { echo '1' } }\nstage('two') { steps { echo '2' } } } }"
	b := try(t, pipeline, jenkins.Scenario{StartAt: "two"})
	diff(t, "stages", []string{"one: skipped (restarted later)", "two: SUCCESS"}, b.Outcomes())

	if b := try(t, pipeline, jenkins.Scenario{StartAt: "three"}); b.Error == "" {
		t.Error("a restart at a stage that is not there was accepted")
	}
}
