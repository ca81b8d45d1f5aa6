// Package report keeps the files of a stage's report up to date while it runs:
// the JUnit XML and result.json, rewritten after each task by rename, so that an
// aborted build still has a valid report.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/digitalmarketplace/cutover/jenkins/junit"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Files is an observer that writes reports/09-map-live-route.xml and .json.
type Files struct {
	// Dir is the folder; it is made if need be.
	Dir string
	// Redact blanks secrets in what is written.
	Redact func(string) string
	// Failed is told of the first report of a stage that could not be written: a lost
	// report must not stop a migration, nor go unseen.
	Failed func(error)

	// failed is the stage that it was told of.
	failed string
}

// Writable tells whether reports can be written at all: in the folder, or where it
// is still to be made. It leaves nothing behind.
func (f *Files) Writable() error {
	at := filepath.Clean(f.Dir)
	for _, err := os.Stat(at); errors.Is(err, os.ErrNotExist) && at != filepath.Dir(at); _, err = os.Stat(at) {
		at = filepath.Dir(at)
	}
	tmp, err := os.CreateTemp(at, ".part-*")
	if err != nil {
		return err
	}
	return errors.Join(tmp.Close(), os.Remove(tmp.Name()))
}

// Observe rewrites the reports at the beginning of a stage, to replace what an
// earlier build may have left, after each task, and at the end.
func (f *Files) Observe(e runner.Event) {
	switch e.Kind {
	case runner.StageStarted, runner.TaskDone:
		f.write(e.Result)
	case runner.StageDone:
		if !f.write(e.Result) {
			f.drop(e.Result)
		}
	}
}

// drop removes reports that could not be written to the end: Jenkins would take them
// for the whole, while it misses a report that is not there.
func (f *Files) drop(r *runner.Result) {
	for _, kind := range []string{".xml", ".json"} {
		if err := f.Drop(name(r) + kind); err != nil {
			f.Failed(fmt.Errorf("remove half a report: %w", err))
		}
	}
}

func (f *Files) write(r *runner.Result) bool {
	err := f.both(r)
	if err != nil && f.failed != r.Stage {
		f.failed = r.Stage
		f.Failed(fmt.Errorf("write the report of %s: %w", r.Stage, err))
	}
	return err == nil
}

func (f *Files) both(r *runner.Result) error {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return err
	}
	var xml bytes.Buffer
	if err := junit.Write(&xml, r); err != nil {
		return err
	}
	result, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	base := filepath.Join(f.Dir, name(r))
	if err := f.replace(base+".xml", xml.String()); err != nil {
		return err
	}
	return f.replace(base+".json", string(result)+"\n")
}

// name keeps the report of undoing a stage apart from the stage's own.
func name(r *runner.Result) string {
	if r.Rollback {
		return "rollback-" + junit.Name(r)
	}
	return junit.Name(r)
}

// Keep writes a file of another kind into the folder, whole or not at all.
func (f *Files) Keep(name, text string) error {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := f.replace(filepath.Join(f.Dir, name), text); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Drop removes a file that an earlier process may have left there.
func (f *Files) Drop(name string) error {
	path := filepath.Join(f.Dir, name)
	if _, err := os.Lstat(path); err != nil {
		return nil
	}
	return os.Remove(path)
}

// replace writes beside and renames, so that a reader never sees half a file.
func (f *Files) replace(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.WriteString(f.Redact(text)); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Chmod(tmp.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
