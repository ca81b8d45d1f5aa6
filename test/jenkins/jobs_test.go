package jenkins_test

import (
	"encoding/xml"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/jenkins"
)

var update = flag.Bool("update", false, "write the golden files anew")

// render makes the jobs' config.xml from their definitions, as a roll-out does, and returns it by the job's name.
func render(t *testing.T) map[string]string {
	t.Helper()
	jobs := jenkins.Tool(t, "jenkins-jobs", "jenkins-job-builder")
	dir := t.TempDir()
	// Without this it would ask a controller for its plugins.
	conf := filepath.Join(dir, "jenkins_jobs.ini")
	if err := os.WriteFile(conf, []byte("[jenkins]\nquery_plugins_info=False\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	cmd := exec.Command(jobs, "--conf", conf, "--ignore-cache", "test", "--config-xml", "-o", out, filepath.Join(jenkins.Root(t), "jenkins", "jobs"))
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CACHE_HOME="+dir)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("render the jobs: %v\n%s", err, said)
	}
	files, err := filepath.Glob(filepath.Join(out, "*", "config.xml"))
	if err != nil {
		t.Fatal(err)
	}
	rendered := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rendered[filepath.Base(filepath.Dir(file))] = string(text)
	}
	return rendered
}

// job is what the tests look at in a config.xml.
type job struct {
	Script     string   `xml:"definition>scriptPath"`
	Sandbox    bool     `xml:"definition>sandbox"`
	Timers     []string `xml:"properties>org.jenkinsci.plugins.workflow.job.properties.PipelineTriggersJobProperty>triggers>hudson.triggers.TimerTrigger>spec"`
	Parameters []struct {
		Name    string   `xml:"name"`
		Choices []string `xml:"choices>a>string"`
	} `xml:"properties>hudson.model.ParametersDefinitionProperty>parameterDefinitions>hudson.model.ChoiceParameterDefinition"`
}

// A misspelt key is silently ignored by jenkins-jobs, so that only what comes out of it shows whether a definition is right.
func TestJobDefinitions(t *testing.T) {
	rendered := render(t)
	golden := filepath.Join("testdata", "jobs")
	if *update {
		for name, text := range rendered {
			if err := os.WriteFile(filepath.Join(golden, name+".xml"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	var names []string
	for name, text := range rendered {
		names = append(names, name)
		want, err := os.ReadFile(filepath.Join(golden, name+".xml"))
		if err != nil {
			t.Fatalf("%v; go test ./test/jenkins -update writes it", err)
		}
		diff(t, name, string(want), text)
	}
	slices.Sort(names)
	diff(t, "jobs", []string{"migrate-es", "nightly-reindex-preview", "nightly-reindex-production", "nightly-reindex-staging"}, names)
}

func TestJobsRunThePipelinesHereAndDefineNothingTwice(t *testing.T) {
	for name, text := range render(t) {
		var j job
		if err := xml.Unmarshal([]byte(text), &j); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(jenkins.Root(t), j.Script)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !j.Sandbox {
			t.Errorf("%s: without the sandbox its script needs an approval", name)
		}
		if environment, ok := strings.CutPrefix(name, "nightly-reindex-"); ok {
			diff(t, name+": script", nightly, j.Script)
			diff(t, name+": hour", []string{"H 2 * * *"}, j.Timers)
			if len(j.Parameters) != 1 || j.Parameters[0].Name != "STAGE" {
				t.Fatalf("%s: parameters %v", name, j.Parameters)
			}
			diff(t, name+": environment", []string{environment}, j.Parameters[0].Choices)
			continue
		}
		diff(t, name+": script", "Jenkinsfile", j.Script)
		if strings.Contains(text, "ParametersDefinitionProperty") || strings.Contains(text, "BuildDiscarderProperty") || len(j.Timers) > 0 {
			t.Errorf("%s: what the Jenkinsfile owns is defined here too", name)
		}
	}
}

// The house's roll-out puts every definition through Jinja first, which must find nothing to do in these.
func TestJobDefinitionsAreNoTemplatesToJinja(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(jenkins.Root(t), "jenkins", "jobs", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no definitions: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, mark := range []string{"{{", "{%", "{#"} {
			if strings.Contains(string(text), mark) {
				t.Errorf("%s has %s in it", filepath.Base(file), mark)
			}
		}
	}
}
