// Package report writes the report files of a stage while it runs: JUnit XML and JSON.
// It replaces them by rename after each task, so that an aborted build still has valid
// reports.
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

// Files is an observer of the runner that writes report files such as
// reports/09-map-live-route.xml and .json.
type Files struct {
	// Dir is the folder of the reports. It is created if it does not exist.
	Dir string
	// Redact replaces secrets in what is written.
	Redact func(string) string
	// Failed is called with the first error in writing the report of each stage. A
	// missing report must not stop a run, but it must not go unnoticed.
	Failed func(error)

	// failed is the last stage that Failed was called for.
	failed string
}

// Writable checks that reports can be written: that a file can be created in Dir, or in
// the nearest existing parent folder. It leaves nothing behind.
func (f *Files) Writable() error {
	dir := filepath.Clean(f.Dir)
	for _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) && dir != filepath.Dir(dir); _, err = os.Stat(dir) {
		dir = filepath.Dir(dir)
	}
	tmp, err := os.CreateTemp(dir, ".part-*")
	if err != nil {
		return err
	}
	return errors.Join(tmp.Close(), os.Remove(tmp.Name()))
}

// Observe rewrites the reports at the start of a stage, to replace those that an earlier
// build left in the workspace, after each task, and at the end.
func (f *Files) Observe(e runner.Event) {
	switch e.Kind {
	case runner.StageStarted, runner.TaskDone:
		f.write(e.Result)
	case runner.StageDone:
		if !f.write(e.Result) {
			f.remove(e.Result)
		}
	}
}

// remove removes reports that could not be written completely: Jenkins would take one for
// a complete one, but it notices a missing report.
func (f *Files) remove(r *runner.Result) {
	for _, extension := range []string{".xml", ".json"} {
		if err := f.RemoveFile(baseName(r) + extension); err != nil {
			f.Failed(fmt.Errorf("remove an incomplete report: %w", err))
		}
	}
}

// write writes both reports and reports whether that succeeded.
func (f *Files) write(r *runner.Result) bool {
	err := f.writeBoth(r)
	if err != nil && f.failed != r.Stage {
		f.failed = r.Stage
		f.Failed(fmt.Errorf("write the report of %s: %w", r.Stage, err))
	}
	return err == nil
}

func (f *Files) writeBoth(r *runner.Result) error {
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
	base := filepath.Join(f.Dir, baseName(r))
	if err := f.replace(base+".xml", xml.String()); err != nil {
		return err
	}
	return f.replace(base+".json", string(result)+"\n")
}

// baseName gives the report of a rollback another name than the report of the stage.
func baseName(r *runner.Result) string {
	if r.Rollback {
		return "rollback-" + junit.BaseName(r)
	}
	return junit.BaseName(r)
}

// WriteFile writes another file into the folder, completely or not at all.
func (f *Files) WriteFile(name, text string) error {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := f.replace(filepath.Join(f.Dir, name), text); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// RemoveFile removes a file from the folder, if it exists.
func (f *Files) RemoveFile(name string) error {
	path := filepath.Join(f.Dir, name)
	if _, err := os.Lstat(path); err != nil {
		return nil
	}
	return os.Remove(path)
}

// replace writes a temporary file and renames it, so that a reader never sees an
// incomplete file.
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
