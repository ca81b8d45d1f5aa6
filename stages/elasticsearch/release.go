package elasticsearch

import (
	"context"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/command"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// newest compares the commit of the release's tag with that of the main branch,
// in one git ls-remote, so that no push between two questions can mislead.
func (c *checkRelease) newest(ctx context.Context, o *runner.Observation) error {
	repository, branch := c.Settings.Repository, c.Settings.MainBranch
	if repository == "" {
		o.Say("not asked: RELEASE_REPOSITORY is not set")
		return nil
	}
	b, err := c.blueNow(ctx)
	if err != nil {
		return err
	}
	tag := tagOf(b.Image)
	if tag == "" {
		return runner.Refuse("image %s has no tag, so its release cannot be told", b.Image)
	}
	// The peeled name of an annotated tag is the commit (git-ls-remote: --refs).
	out, said, err := command.Run(ctx, []string{"GIT_TERMINAL_PROMPT=0"},
		"git", "ls-remote", "--", repository, "refs/heads/"+branch, "refs/tags/"+tag, "refs/tags/"+tag+"^{}")
	if err != nil {
		return runner.Depend("ask %s for its branches (RELEASE_REPOSITORY): %w: %s", repository, err, said)
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		if commit, ref, is := strings.Cut(strings.TrimSpace(line), "\t"); is {
			refs[ref] = commit
		}
	}
	head, released := refs["refs/heads/"+branch], refs["refs/tags/"+tag]
	if peeled := refs["refs/tags/"+tag+"^{}"]; peeled != "" {
		released = peeled
	}
	switch {
	case head == "":
		return runner.Misconfigure("%s has no branch %s (RELEASE_REPOSITORY, MAIN_BRANCH)", repository, branch)
	case released == "":
		return runner.Refuse("%s has no tag %s, which is live", repository, tag)
	case head != released:
		return fmt.Errorf("%s is live at %.10s, and %s of %s is at %.10s: release first", tag, released, branch, repository, head)
	}
	o.Say("%s is %.10s, which is %s", tag, released, branch)
	return nil
}

// tagOf is the tag of an image, or "".
func tagOf(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		return image[i+1:]
	}
	return ""
}

// smokeTest runs the operator's own test of the new app, before anybody else
// sees it. Its output is shown; its exit code decides.
func (s *Site) smokeTest() runner.Task {
	return runner.Task{Name: "the smoke test passes", ByHand: s.Settings.SmokeTest, Do: func(ctx context.Context, o *runner.Observation) error {
		address := "SMOKE_TEST_URL=" + s.Settings.RouteScheme + "://" + s.Settings.TemporaryRoute
		out, said, err := command.Run(ctx, []string{address}, "sh", "-c", s.Settings.SmokeTest)
		o.Detail(strings.TrimSpace(out + "\n" + said))
		if err != nil {
			return fmt.Errorf("SMOKE_TEST: %w", err)
		}
		o.Say("exit code 0")
		return nil
	}}
}
