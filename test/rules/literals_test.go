package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
)

// A stage's name and number stand in its runbook alone: what is shared asks for milestones, and what runs stages asks the
// runbook. Help and messages of the runbook's own files may name them.
func literalRule(files []source, stages []string) []string {
	numbered := regexp.MustCompile(`\b(step|stage|steps|stages) \d+\b|\b\d+\. [a-z]+-[a-z]`)
	var found []string
	for _, s := range files {
		top, _, _ := strings.Cut(s.folder, "/")
		if s.isTest() || top == "test" || s.folder == "cmd/sandbox" {
			continue
		}
		inRunbook := s.folder == "stages/elasticsearch"
		ast.Inspect(s.tree, func(n ast.Node) bool {
			literal, is := n.(*ast.BasicLit)
			if !is || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				return true
			}
			if slices.Contains(stages, text) && s.name != "stagenames.go" {
				found = append(found, fmt.Sprintf("%s has the stage name %q", s.at(literal), text))
			}
			if !inRunbook && numbered.MatchString(text) {
				found = append(found, fmt.Sprintf("%s has the number of a stage: %.60q", s.at(literal), text))
			}
			return true
		})
	}
	return found
}

func TestNoStageIsNamedOutsideItsRunbook(t *testing.T) {
	var stages []string
	for _, step := range elasticsearch.Runbook(nil).Steps {
		stages = append(stages, step.Name)
	}
	rule := func(files []source) []string { return literalRule(files, stages) }
	tryOut(t, rule, map[string]example{
		"a helper names a stage":           {"stages/bluegreen/x/a.go", `package x; var a = "push-app"`, true},
		"a helper has a stage's number":    {"stages/bluegreen/x/a.go", `package x; var a = "as after step 13"`, true},
		"the runbook names its stages":     {"stages/elasticsearch/stagenames.go", `package x; const a = "push-app"`, false},
		"another file of it names a stage": {"stages/elasticsearch/a.go", `package x; var a = "push-app"`, true},
		"its help has a number":            {"stages/elasticsearch/a.go", `package x; var a = "since step 17"`, false},
		"a test names a stage":             {"stages/bluegreen/x/a_test.go", `package x; var a = "push-app"`, false},
	})
	complain(t, "no stage is named or numbered outside its runbook", rule(sources(t)))
}
