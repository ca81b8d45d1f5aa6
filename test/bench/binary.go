package main

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// sizeMost is how large the binary may be, in bytes.
const sizeMost = 25_000_000

// binaries are the rows of what is released, built as README says.
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
		file := filepath.Join(dir, "cutover-"+arch)
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, "./cmd/cutover")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if text, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build for %s: %w\n%s", arch, err, text)
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		static, err := standsAlone(file)
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

// standsAlone tells whether a program needs nothing but the kernel: no loader, and nothing that one would load.
func standsAlone(file string) (bool, error) {
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
