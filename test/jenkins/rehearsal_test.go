package jenkins_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/test/jenkins"
)

// step is a stage of the runbook: its title, the commands it calls and the reports it publishes.
type step struct {
	title    string
	commands []string
	reports  []string
}

var runbook = []step{
	{"1. Check the release", []string{"check-release"}, []string{"reports/01-check-release.xml"}},
	{"2. Create the service", []string{"create-service"}, []string{"reports/02-create-service.xml"}},
	{"3. Generate the manifest", []string{"generate-manifest"}, []string{"reports/03-generate-manifest.xml"}},
	{"4. Edit the manifest", []string{"edit-manifest"}, []string{"reports/04-edit-manifest.xml"}},
	{"5. Push the app", []string{"push-app"}, []string{"reports/05-push-app.xml"}},
	{"6. Check the apps", []string{"check-apps"}, []string{"reports/06-check-apps.xml"}},
	{"7. Build the indices", []string{"build-indices"}, []string{"reports/07-build-indices.xml"}},
	{"8. Verify the indices", []string{"verify-indices"}, []string{"reports/08-verify-indices.xml"}},
	{
		"9-16. Switch",
		[]string{"switch", "map-live-route", "watch-traffic", "unmap-old-app", "unmap-temporary-route", "rename-old-service", "rename-new-service", "rename-old-app", "rename-new-app"},
		[]string{
			"reports/09-map-live-route.xml", "reports/10-watch-traffic.xml", "reports/11-unmap-old-app.xml", "reports/12-unmap-temporary-route.xml",
			"reports/13-rename-old-service.xml", "reports/14-rename-new-service.xml", "reports/15-rename-old-app.xml", "reports/16-rename-new-app.xml",
		},
	},
	{"17. Remove the old app", []string{"remove-old-app"}, []string{"reports/17-remove-old-app.xml"}},
	{"18. Await the release", []string{"await-release"}, []string{"reports/18-await-release.xml"}},
	{"19. Reindex", []string{"reindex"}, []string{"reports/19-reindex.xml"}},
	{"20. Remove the old service", []string{"remove-old-service"}, []string{"reports/20-remove-old-service.xml"}},
}

// approvals are the stages in which production waits for a person, by the stage that comes after.
var approvals = map[string]string{"9-16. Switch": "Approve 9-16", "17. Remove the old app": "Approve 17", "20. Remove the old service": "Approve 20"}

var actions = []string{"Plan", "Status", "Roll back", "Unlock"}

const deployLock = "paas-preview-search-api-deploy"

// notifySlack is the house's job, with its parameters and their choices.
var notifySlack = jenkins.Job{Result: "SUCCESS", Parameters: map[string][]string{
	"USERNAME": nil, "ICON": nil, "TEXT": nil, "CHANNEL": {"#dm-release", "#dm-2ndline"}, "PROJECT": nil, "STAGE": nil,
	"RELEASE_NAME": nil, "STATUS": {"SUCCESS", "FAILED"}, "URL": nil, "JOB": nil,
}}

// releaseApp is the house's release job.
var releaseApp = jenkins.Job{Result: "SUCCESS", Parameters: map[string][]string{
	"STAGE": {"preview", "staging", "production"}, "APPLICATION_NAME": nil, "RELEASE_NAME": nil,
}}

// rehearsal is a build with the stand-in for the program on its PATH.
type rehearsal struct {
	jenkins.Build
	// calls are the stand-in's, in order: arguments, and the switches it saw.
	calls []string
}

// commands are the calls without what surrounds the command.
func (r rehearsal) commands() []string {
	var commands []string
	for _, call := range r.calls {
		commands = append(commands, strings.Fields(call)[1])
	}
	return commands
}

func (r rehearsal) published() []string {
	var files []string
	for _, e := range r.Steps("junit") {
		files = append(files, e.Files...)
	}
	return files
}

func rehearse(t *testing.T, s jenkins.Scenario) rehearsal {
	t.Helper()
	if s.File == "" {
		s.File = "Jenkinsfile"
	}
	if s.Params == nil && !s.FirstBuild {
		s.Params = map[string]any{"STAGE": "preview"}
	}
	if s.Jobs == nil {
		s.Jobs = map[string]jenkins.Job{"notify-slack": notifySlack, "release-app-paas": releaseApp}
	}
	calls := filepath.Join(t.TempDir(), "calls")
	env := map[string]string{
		"PATH":  filepath.Join(jenkins.Root(t), "test", "jenkins", "testdata", "bin") + ":/usr/bin:/bin",
		"CALLS": calls,
	}
	for k, v := range s.Env {
		env[k] = v
	}
	s.Env = env
	r := rehearsal{Build: jenkins.Run(t, s)}
	if r.Error != "" {
		t.Fatalf("the pipeline is not accepted: %s", r.Error)
	}
	text, err := os.ReadFile(calls)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if len(text) > 0 {
		r.calls = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	return r
}

// upTo collects one thing of the steps up to and including the n-th.
func upTo(n int, of func(step) []string) []string {
	var all []string
	for _, s := range runbook[:n+1] {
		all = append(all, of(s)...)
	}
	return all
}

// before collects it of the steps before the n-th.
func before(n int, of func(step) []string) []string {
	if n == 0 {
		return nil
	}
	return upTo(n-1, of)
}

// published are the reports of a stage in which no command after this one was called. What switch has done before says
// so elsewhere.
func (s step) published(last string) []string {
	var some []string
	for _, report := range s.reports {
		for _, command := range s.commands[:slices.Index(s.commands, last)+1] {
			if strings.HasSuffix(report, "-"+command+".xml") || command == "switch" && report < "reports/13" {
				some = append(some, report)
				break
			}
		}
	}
	return some
}

// failure is a command that may fail, and its stage.
type failure struct {
	stage   int
	command string
}

// failures are all commands that write a report of their own.
func failures() []failure {
	var all []failure
	for n, s := range runbook {
		shown := 0
		for _, command := range s.commands {
			if now := len(s.published(command)); now > shown {
				all, shown = append(all, failure{n, command}), now
			}
		}
	}
	return all
}

func commandsOf(s step) []string { return s.commands }
func reportsOf(s step) []string  { return s.reports }

// outcomes is what becomes of all stages when the first n go well, the next ends with result, and the rest is skipped.
func outcomes(n int, result, reason string) []string {
	var all []string
	for i, s := range runbook {
		if approval := approvals[s.title]; approval != "" && i > n {
			all = append(all, fmt.Sprintf("%s: skipped (%s)", approval, reason))
		} else if approval != "" {
			all = append(all, approval+": skipped (when)")
		}
		switch {
		case i < n:
			all = append(all, s.title+": SUCCESS")
		case i == n:
			all = append(all, s.title+": "+result)
		default:
			all = append(all, fmt.Sprintf("%s: skipped (%s)", s.title, reason))
		}
	}
	for _, a := range actions {
		if reason == "" {
			reason = "when"
		}
		all = append(all, fmt.Sprintf("%s: skipped (%s)", a, reason))
	}
	return all
}

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func titled(t *testing.T, title string) step {
	t.Helper()
	i := slices.IndexFunc(runbook, func(s step) bool { return s.title == title })
	if i < 0 {
		t.Fatalf("there is no stage %s", title)
	}
	return runbook[i]
}
