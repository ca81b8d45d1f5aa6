package clone

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Write are the tasks that write blue's manifest to its file; none where it is there.
func (s *Source) Write(ctx context.Context, file File) ([]runner.Task, error) {
	m, err := s.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	text, err := m.Bytes()
	if err != nil || file.Holds(text) {
		return nil, err
	}
	task := file.Write("write blue's manifest", text, "")
	task.ByHand = "cf create-app-manifest " + file.App
	return []runner.Task{task}, nil
}

// Write are the tasks that write green's manifest to its file, and show how it differs
// from blue's; none where it is there.
func (g *Green) Write(ctx context.Context) ([]runner.Task, error) {
	from, err := g.Source.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	to, _, err := g.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	text, err := to.Bytes()
	if err != nil || g.File().Holds(text) {
		return nil, err
	}
	diff, err := g.Diff(from, to)
	if err != nil {
		return nil, err
	}
	task := g.File().Write("write green's manifest", text, diff)
	task.Shows = diff
	return []runner.Task{task}, nil
}
