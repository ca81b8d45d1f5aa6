// Package command runs external programs. The runbooks need few: git, and the
// operator's own tests. For everything else they call APIs.
package command

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
)

// Run runs a program to its end, with env ("NAME=value") added to its environment. It
// returns its stdout and stderr without surrounding white space. An error says how the
// program ended: *exec.ExitError if it did not exit with 0.
func Run(ctx context.Context, env []string, name string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(cmd.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return strings.TrimSpace(out.String()), strings.TrimSpace(errOut.String()), err
}
