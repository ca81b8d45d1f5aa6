package elasticsearch

import (
	"context"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/command"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// newestRelease is the live app's source.
type newestRelease struct{ repository, branch string }

// check compares the commit of the live release's tag with that of the main branch, in
// one git ls-remote, so that no push between two questions can mislead.
func (n newestRelease) check(ctx context.Context, o *runner.Observation, image string) error {
	tag := tagOf(image)
	if tag == "" {
		return runner.Refuse("image %s has no tag, so its release is not known", image)
	}
	// The peeled name of an annotated tag is the commit (git-ls-remote: --refs).
	out, said, err := command.Run(ctx, []string{"GIT_TERMINAL_PROMPT=0"},
		"git", "ls-remote", "--", n.repository, "refs/heads/"+n.branch, "refs/tags/"+tag, "refs/tags/"+tag+"^{}")
	if err != nil {
		return runner.Depend("ask %s for its branches (RELEASE_REPOSITORY): %w: %s", n.repository, err, said)
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		if commit, ref, is := strings.Cut(strings.TrimSpace(line), "\t"); is {
			refs[ref] = commit
		}
	}
	head, released := refs["refs/heads/"+n.branch], refs["refs/tags/"+tag]
	if peeled := refs["refs/tags/"+tag+"^{}"]; peeled != "" {
		released = peeled
	}
	switch {
	case head == "":
		return runner.Misconfigure("%s has no branch %s (RELEASE_REPOSITORY, MAIN_BRANCH)", n.repository, n.branch)
	case released == "":
		return runner.Refuse("%s has no tag %s, which is live", n.repository, tag)
	case head != released:
		return fmt.Errorf("%s is live at %.10s, and %s of %s is at %.10s: release first", tag, released, n.branch, n.repository, head)
	}
	o.Say("%s is %.10s, which is %s", tag, released, n.branch)
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

// tagged is an image under another tag: what follows the last colon, if that is not the
// port of a registry.
func tagged(image, tag string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		image = image[:i]
	}
	return image + ":" + tag
}
