// Package junitxsd validates JUnit reports against a schema, for tests.
package junitxsd

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed junit-10.xsd
var schema []byte

// ValidateJUnit fails the test for each report that the schema refuses, and where there is none. It needs xmllint, and fails
// the test where that is missing.
func ValidateJUnit(t testing.TB, paths ...string) {
	t.Helper()
	if len(paths) == 0 {
		t.Error("there is no JUnit report to validate")
		return
	}
	for _, path := range paths {
		if err := validate(t, path); err != nil {
			t.Error(err)
		}
	}
}

func validate(t testing.TB, path string) error {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("this test needs xmllint and it is not installed: apt-get install -y libxml2-utils")
	}
	xsd := filepath.Join(t.TempDir(), "junit-10.xsd")
	if err := os.WriteFile(xsd, schema, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(xmllint, "--noout", "--nonet", "--schema", xsd, path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s is no JUnit report that Jenkins' schema accepts: %w\n%s", path, err, strings.TrimSpace(string(out)))
	}
	return nil
}
