package jenkins_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/test/jenkins"
)

// The runbook is a list in Go and a list of stages in Jenkins; they have to be the same, by order, number and title.
func TestTheJenkinsfileFollowsTheRunbook(t *testing.T) {
	var names []string
	titles := map[string]string{}
	for _, step := range elasticsearch.Runbook(nil).Steps {
		names = append(names, step.Name)
		titles[step.Name] = fmt.Sprintf("%d. %s", step.Number, step.Title)
	}

	var commands []string
	for _, command := range jenkins.Commands(t, "Jenkinsfile") {
		if _, isStep := titles[command]; isStep {
			commands = append(commands, command)
		} else if !slices.Contains([]string{"switch", "plan", "status", "rollback", "unlock"}, command) {
			t.Errorf("there is no command %s", command)
		}
	}
	diff(t, "steps", names, commands)

	for _, e := range rehearse(t, jenkins.Scenario{}).Steps("sh") {
		command := strings.Fields(e.Args["script"].(string))[3]
		want, isStep := titles[command]
		if !isStep {
			continue
		}
		shown := e.Stage
		if label, ok := e.Args["label"].(string); ok {
			shown = label
		}
		diff(t, "title of "+command, want, shown)
	}
}
