package jenkins_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/jenkins"
)

// gate is an approval: its stage, its question's id, the stages that its plan is for, and the stage that it opens.
type gate struct{ stage, id, plans, opens string }

var gates = []gate{
	{"Approve 9-16", "switch", "map-live-route..rename-new-app", "9-16. Switch"},
	{"Approve 17", "remove-old-app", "remove-old-app", "17. Remove the old app"},
	{"Approve 20", "remove-old-service", "remove-old-service", "20. Remove the old service"},
}

// proceed answers the questions of some gates.
func proceed(some ...gate) map[string]string {
	answers := map[string]string{}
	for _, g := range some {
		answers[g.id] = "proceed"
	}
	return answers
}

func production(extra map[string]any) map[string]any {
	params := map[string]any{"STAGE": "production", "DRY_RUN": false}
	for name, value := range extra {
		params[name] = value
	}
	return params
}

func asked(r rehearsal) []string {
	var ids []string
	for _, e := range r.Steps("input") {
		ids = append(ids, e.Args["id"].(string))
	}
	return ids
}

// failedBecause are the errors that ended a stage.
func failedBecause(r rehearsal) string {
	var causes []string
	for _, e := range r.Events {
		if e.Event == "error" {
			causes = append(causes, e.Error)
		}
	}
	return strings.Join(causes, "; ")
}

func TestProductionIsAskedBeforeWhatCannotBeTakenBackAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		params  map[string]any
		answers map[string]string
		asked   []string
		last    string
	}{
		"nobody approves":              {production(nil), nil, []string{"switch"}, "plan"},
		"the switch is approved":       {production(nil), proceed(gates[0]), []string{"switch", "remove-old-app"}, "plan"},
		"all but the last":             {production(nil), proceed(gates[:2]...), []string{"switch", "remove-old-app", "remove-old-service"}, "plan"},
		"all":                          {production(nil), proceed(gates...), []string{"switch", "remove-old-app", "remove-old-service"}, "remove-old-service"},
		"it stops before":              {production(map[string]any{"STOP_AFTER": "verify-indices"}), nil, nil, "verify-indices"},
		"a dry run changes nothing":    {production(map[string]any{"DRY_RUN": true}), nil, nil, "remove-old-service"},
		"preview has nobody to ask":    {production(map[string]any{"STAGE": "preview"}), nil, nil, "remove-old-service"},
		"a rollback is no such matter": {production(map[string]any{"ACTION": "rollback"}), nil, nil, "rollback"},
	} {
		t.Run(name, func(t *testing.T) {
			r := rehearse(t, jenkins.Scenario{Params: c.params, Inputs: c.answers})

			diff(t, "asked", c.asked, asked(r))
			commands := r.commands()
			diff(t, "last command", c.last, commands[len(commands)-1])
			if want := map[bool]string{true: "ABORTED", false: "SUCCESS"}[len(c.asked) > len(c.answers)]; r.Result != want {
				t.Errorf("result %s, want %s: %s", r.Result, want, failedBecause(r))
			}
		})
	}
}

func TestAPersonSeesThePlanAndHoldsNothingMeanwhile(t *testing.T) {
	r := rehearse(t, jenkins.Scenario{Number: 7, Params: production(nil), Inputs: proceed(gates...)})

	var archived []string
	questions := 0
	for _, e := range r.Events {
		if e.Step == "archiveArtifacts" {
			archived = append(archived, e.Files...)
		}
		if e.Step != "input" {
			continue
		}
		g := gates[questions]
		questions++
		if e.Agent || len(e.Locks) > 0 {
			t.Errorf("%s: an executor or %v is held while a person is awaited", e.Stage, e.Locks)
		}
		folder := "reports/approve-" + g.id + "/"
		for _, file := range []string{"plan.txt", "plan.json", "plan.digest"} {
			if !slices.Contains(archived, folder+file) {
				t.Errorf("%s: asked before %s is archived", e.Stage, folder+file)
			}
		}
		for _, want := range []string{"what is asked of " + g.plans, "https://jenkins.test/job/migrate-es/7/artifact/" + folder + "plan.txt", "1:for=" + g.plans} {
			if message := e.Args["message"].(string); !strings.Contains(message, want) {
				t.Errorf("%s: the question does not say %q: %s", e.Stage, want, message)
			}
		}
	}
	diff(t, "questions", len(gates), questions)
}

func TestWhatWasApprovedBindsWhatFollowsAndNothingElse(t *testing.T) {
	r := rehearse(t, jenkins.Scenario{Params: production(nil), Inputs: proceed(gates...)})

	bound := map[string]string{}
	for _, g := range gates {
		for _, command := range titled(t, g.opens).commands {
			bound[command] = " PLAN_DIGEST=1:for=" + g.plans + " APPROVED_BY=someone"
		}
	}
	for _, call := range r.calls {
		command := strings.Fields(call)[1]
		if _, has, _ := strings.Cut(call, "DRY_RUN=false"); has != bound[command] {
			t.Errorf("%s is called with %q, want %q", command, has, bound[command])
		}
	}
}

func TestARestartBehindAnApprovalDoesNotSkipIt(t *testing.T) {
	for i, g := range gates {
		t.Run(g.opens, func(t *testing.T) {
			r := rehearse(t, jenkins.Scenario{Number: 2, StartAt: g.opens, Params: production(nil), Inputs: proceed(gates...)})
			diff(t, "result", "FAILURE", r.Result)
			diff(t, "cause", "not approved in this build: restart from '"+g.stage+"'", failedBecause(r))
			diff(t, "calls", []string(nil), r.calls)

			r = rehearse(t, jenkins.Scenario{Number: 3, StartAt: g.stage, Params: production(nil), Inputs: proceed(gates...)})
			diff(t, "result", "SUCCESS", r.Result)
			diff(t, "asked", len(gates)-i, len(asked(r)))
		})
	}
}

func TestWhatIsDoneIsNotAskedForAgainAndIsBoundAllTheSame(t *testing.T) {
	r := rehearse(t, jenkins.Scenario{Params: production(nil), Inputs: proceed(gates[1:]...), Env: map[string]string{"COMPLETE": gates[0].plans}})

	diff(t, "result", "SUCCESS", r.Result)
	diff(t, "asked", []string{"remove-old-app", "remove-old-service"}, asked(r))
	if !slices.ContainsFunc(r.calls, func(call string) bool {
		return strings.HasPrefix(call, "elasticsearch switch ") && strings.HasSuffix(call, "PLAN_DIGEST=1:for="+gates[0].plans+" APPROVED_BY=nobody: there was nothing left to do")
	}) {
		t.Errorf("the switch is called without a digest: %v", r.calls)
	}
}

func TestAPlanThatFailsIsNotAskedAbout(t *testing.T) {
	r := rehearse(t, jenkins.Scenario{Params: production(nil), Inputs: proceed(gates...), Env: map[string]string{"FAIL": "plan=3"}})

	diff(t, "result", "FAILURE", r.Result)
	diff(t, "asked", []string(nil), asked(r))
	if slices.Contains(r.commands(), "switch") {
		t.Error("the switch ran")
	}
}
