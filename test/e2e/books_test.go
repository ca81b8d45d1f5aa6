package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// book is a runbook under test, and what the laws must know of it. Its stages are named by the program's own list.
type book struct {
	// name is that of the subtests.
	name string
	// program is the binary's name, and prefix what a person types before a stage's name.
	program string
	prefix  []string
	steps   []runner.Step
	// sandbox has the options of the sandboxes for the laws.
	sandbox func() sandbox.Options
	// alwaysActs are the stages that act each time they are run: law 2 leaves them out.
	alwaysActs []string
	// documents says that the program writes documents, and that blue's indices are as the data API has them after a rollback.
	documents bool
	// rollbacks are those at whose writes processes are killed.
	rollbacks []killedRollback
	// commands are further commands for law 5.
	commands [][]string
}

// killedRollback is a rollback at each of whose writes a process is killed.
type killedRollback struct {
	// until is the last stage that is run before, and then is REMOVE_OLD_APP.
	until, then string
	// release says that the release job runs after that stage, and that no stage awaits it.
	release bool
	fates   []string
}

func (k killedRollback) String() string {
	if k.release {
		return k.until + " " + k.then + " and a release"
	}
	return k.until + " " + k.then
}

// args is the command line of a command of the runbook.
func (b book) args(command ...string) []string { return slices.Concat(b.prefix, command) }

// named finds a step; nil if there is none.
func (b book) named(stage string) *runner.Step { return runner.Runbook{Steps: b.steps}.Named(stage) }

// books are the runbooks that keep the laws.
func books(t *testing.T) []book {
	t.Helper()
	return []book{elasticsearchBook(), tenStages(t)}
}

// eachBook runs a law for each runbook.
func eachBook(t *testing.T, law func(*testing.T, book)) {
	t.Helper()
	t.Parallel()
	for _, b := range books(t) {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			law(t, b)
		})
	}
}

func elasticsearchBook() book {
	return book{
		name: "elasticsearch", program: "cutover", prefix: []string{"elasticsearch"}, steps: elasticsearch.Runbook(nil).Steps,
		sandbox: small, alwaysActs: []string{"reindex"}, documents: true,
		rollbacks: []killedRollback{
			{until: "remove-old-app", then: "delete", fates: []string{"dropped", "done", "late"}},
			{until: "await-release", then: "delete", fates: []string{"late"}},
			{until: "await-release", then: "stop", fates: []string{"done"}},
		},
		commands: [][]string{{"env"}},
	}
}

// tenStages is the runbook of test/tenstages.
func tenStages(t *testing.T) book {
	t.Helper()
	b := book{
		name: "tenstages", program: "tenstages", sandbox: few,
		rollbacks: []killedRollback{
			{until: "remove-old-app", then: "delete", fates: []string{"dropped", "done", "late"}},
			{until: "remove-old-app", then: "delete", release: true, fates: []string{"late"}},
			{until: "remove-old-app", then: "stop", release: true, fates: []string{"done"}},
		},
		commands: [][]string{{"plan"}},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := rig.RunToEnd(ctx, rig.Command{Path: programPath(b.program), Args: []string{"stages"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range strings.Fields(p.Stdout()) {
		b.steps = append(b.steps, runner.Step{Number: i + 1, Name: name})
	}
	return b
}
