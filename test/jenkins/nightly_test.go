package jenkins_test

import (
	"testing"

	"github.com/digitalmarketplace/cutover/test/jenkins"
)

const nightly = "jenkins/jobs/nightly-reindex.Jenkinsfile"

func night(t *testing.T, environment string, s jenkins.Scenario) rehearsal {
	t.Helper()
	s.File = nightly
	s.Job = "nightly-reindex-" + environment
	s.JobParameters = []string{"STAGE"}
	s.Params = map[string]any{"STAGE": environment}
	return rehearse(t, s)
}

func TestNightlyReindexIsTheOneCommand(t *testing.T) {
	r := night(t, "staging", jenkins.Scenario{Number: 7})

	diff(t, "result", "SUCCESS", r.Result)
	diff(t, "calls", []string{"elasticsearch reindex | STAGE=staging DRY_RUN=unset"}, r.calls)
	diff(t, "published reports", []string{"reports/19-reindex.xml"}, r.published())
	diff(t, "the build's name", "#7 - staging", r.DisplayName)
	diff(t, "told", []string(nil), told(r))
}

func TestNightlyReindexTellsOfBadNightsAndOfTheFirstGoodOne(t *testing.T) {
	for name, c := range map[string]struct {
		environment, fail, before string
		status, channel           string
	}{
		"a bad night":                {"preview", "reindex=4", "SUCCESS", "FAILED", "#dm-release"},
		"a bad night in production":  {"production", "reindex=1", "SUCCESS", "FAILED", "#dm-2ndline"},
		"one after another":          {"production", "reindex=1", "FAILURE", "FAILED", "#dm-2ndline"},
		"the first good night again": {"production", "", "FAILURE", "SUCCESS", "#dm-2ndline"},
	} {
		t.Run(name, func(t *testing.T) {
			r := night(t, c.environment, jenkins.Scenario{Env: map[string]string{"FAIL": c.fail}, PreviousResult: c.before})

			diff(t, "told", []string{c.status}, told(r))
			diff(t, "channel", any(c.channel), r.Steps("build")[0].Args["parameters"].(map[string]any)["CHANNEL"])
		})
	}
}

func TestNightlyReindexLeavesTheJobToItsDefinition(t *testing.T) {
	p := night(t, "preview", jenkins.Scenario{}).Pipeline()

	diff(t, "parameters", 0, len(p.Parameters))
	diff(t, "triggers", 0, len(p.Triggers))
	for _, owned := range []string{"disableConcurrentBuilds", "buildDiscarder"} {
		if _, ok := p.Options[owned]; ok {
			t.Errorf("%s is defined in two places", owned)
		}
	}
}

func TestNightlyReindexHoldsNoLock(t *testing.T) {
	r := night(t, "preview", jenkins.Scenario{LocksHeldByOthers: []string{deployLock}})
	diff(t, "result", "SUCCESS", r.Result)
}
