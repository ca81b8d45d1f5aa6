package main

import (
	"context"
	"debug/elf"
	"fmt"
	"os"

	"github.com/digitalmarketplace/cutover/test/rig"
)

// sizeMost is the limit of the binary's size, in bytes.
const sizeMost = 25_000_000

// binaries are the rows of the released binaries, built as README.md says.
func (b *bench) binaries(ctx context.Context) error {
	if !b.wants("binary") {
		return nil
	}
	dir, err := os.MkdirTemp("", "cutover-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, arch := range []string{"amd64", "arm64"} {
		file, err := rig.Build{
			Command: "cutover", Flags: []string{"-trimpath", "-ldflags", "-s -w"}, Env: []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch},
		}.Into(ctx, dir)
		if err != nil {
			return fmt.Errorf("for %s: %w", arch, err)
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		static, err := isStatic(file)
		if err != nil {
			return err
		}
		kind := "static"
		if !static {
			kind = "not static"
		}
		b.row("the binary for linux/"+arch, "under 25 MB, static", fmt.Sprintf("%.1f MB, %s", float64(info.Size())/1e6, kind), "", static && info.Size() < sizeMost)
	}
	return nil
}

// isStatic reports whether a program needs nothing but the kernel: no loader and no shared library.
func isStatic(file string) (bool, error) {
	f, err := elf.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return false, nil
		}
	}
	return true, nil
}
