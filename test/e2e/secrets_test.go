package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secrets are all values that must never be printed.
func (w *world) secrets() []string {
	all := []string{"aws-secret-access-key", "AKIAEXAMPLE"}
	for name, value := range w.Env {
		if strings.Contains(name, "PASSWORD") || strings.Contains(name, "TOKEN") {
			all = append(all, value)
		}
	}
	return all
}

// noSecret checks all that a process has printed and written, except the manifests, which contain secrets and must be readable
// by nobody else.
func (w *world) noSecret(p *process) {
	w.t.Helper()
	outputs := map[string]string{"stdout": p.Stdout(), "stderr": p.Stderr()}
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.Contains(path, "/manifests/") {
			info, err := d.Info()
			if err == nil && info.Mode().Perm() != 0o600 {
				w.t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
			return err
		}
		text, err := os.ReadFile(path)
		outputs[path] = string(text)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for where, text := range outputs {
		for _, secret := range w.secrets() {
			if strings.Contains(text, secret) {
				w.t.Errorf("a secret is in %s: %s", where, strings.ReplaceAll(text, secret, "<<<"+secret+">>>"))
			}
		}
	}
}
