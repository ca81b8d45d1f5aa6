// Package command runs the few programs of others that the runbooks need: git,
// and the operator's own tests. Everything else is asked of APIs.
package command

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
)

// Run runs a program to its end, with further variables in its environment. It
// returns what it wrote to stdout and to stderr; the error tells how it ended.
func Run(ctx context.Context, env []string, name string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(cmd.Environ(), env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	return strings.TrimSpace(out.String()), strings.TrimSpace(said.String()), err
}
