package clone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// File is a file with an app's manifest, for a person to read. It holds the app's
// secrets, so only its owner may read it. Nothing depends on it: what is applied is
// read from the platform again.
type File struct {
	// Path is the file's, App the name of the app whose manifest it holds.
	Path, App string
}

// FileOf is the file for an app's manifest in a folder.
func FileOf(dir, app string) File { return File{filepath.Join(dir, app+".yml"), app} }

// Holds reports whether the file has this text.
func (f File) Holds(text []byte) bool {
	have, err := os.ReadFile(f.Path)
	return err == nil && string(have) == string(text)
}

// Write is the task that writes the file. detail is shown with it.
func (f File) Write(name string, text []byte, detail string) runner.Task {
	return runner.Task{Effect: runner.Creates, Name: name, Do: func(_ context.Context, o *runner.Observation) error {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
			return err
		}
		// WriteFile leaves the mode of a file that exists as it is.
		if err := os.Remove(f.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		o.Say("%s, for eyes only", f.Path)
		o.Detail(detail)
		return os.WriteFile(f.Path, text, 0o600)
	}}
}

// Written is the check that the manifest can be read back and is of the app.
func (f File) Written() runner.Task {
	return runner.Task{Name: "the file holds the manifest", Do: func(_ context.Context, o *runner.Observation) error {
		text, err := os.ReadFile(f.Path)
		if err != nil {
			return runner.Final(err)
		}
		m, err := manifest.Parse(text)
		if err != nil {
			return runner.Final(fmt.Errorf("%s: %w", f.Path, err))
		}
		if m.Name() != f.App {
			return runner.Final(fmt.Errorf("%s holds app %s, not %s", f.Path, m.Name(), f.App))
		}
		o.Say("%s, %s", f.Path, runner.Count(len(text), "byte", "bytes"))
		return nil
	}}
}

// Remove are the tasks that remove the file; none where there is no file.
func (f File) Remove() []runner.Task {
	if _, err := os.Stat(f.Path); err != nil {
		return nil
	}
	return []runner.Task{{Effect: runner.Deletes, Name: "remove " + f.Path, Do: func(context.Context, *runner.Observation) error { return os.Remove(f.Path) }}}
}

// Diff shows how one manifest becomes another, without the values of variables; only
// that of the variable with the service's name is shown.
func (g *Green) Diff(from, to *manifest.Manifest) (string, error) {
	var plain []string
	if g.Replaced != nil {
		plain = append(plain, g.Replaced.Variable)
	}
	a, err := from.Redacted(plain...)
	if err != nil {
		return "", fmt.Errorf("show the manifest: %w", err)
	}
	b, err := to.Redacted(plain...)
	if err != nil {
		return "", fmt.Errorf("show the manifest: %w", err)
	}
	return manifest.Diff(a, b), nil
}
