package rig

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// Build is one binary of this repository.
type Build struct {
	// Command is the name of a folder below Folder, such as "cutover"; Folder is "cmd" where it is empty.
	Command, Folder string
	// Flags are more of go build's, and Env more of its environment (NAME=value), such as GOARCH=arm64.
	Flags, Env []string
}

// Into builds the binary into a folder that exists and returns the file, which has the command's name. The working
// directory must be inside the repository.
func (b Build) Into(ctx context.Context, dir string) (string, error) {
	file := filepath.Join(dir, b.Command)
	args := append([]string{"build", "-o", file}, b.Flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/digitalmarketplace/cutover/"+path.Join(cmp.Or(b.Folder, "cmd"), b.Command))...)
	cmd.Env = append(os.Environ(), b.Env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", b.Command, err, text)
	}
	return file, nil
}
