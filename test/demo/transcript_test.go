package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATranscriptIsComparedByWhatWasAskedAndDone(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, lines ...string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	recorded := file("recorded",
		"2026-11-23T09:17:01Z ── 7. Build the indices · run 20261123-0916-35vb · traffic: blue ──",
		"2026-11-23T09:17:01Z ok     check  the settings are those of the run: run 20261123-0916-35vb, begun 2026-11-23 09:16 UTC (0 ms)",
		"2026-11-23T09:17:01Z ok     apply  put the documents of g-cloud-12: 2,002 put, 758/s (2.6 s)",
		"2026-11-23T09:17:04Z 7. build-indices: done (3.3 s)")
	same := file("same",
		"2027-01-02T01:02:03Z ── 7. Build the indices · run 20270102-0102-zzzz · traffic: blue ──",
		"2027-01-02T01:02:03Z ok     check  the settings are those of the run: run 20270102-0102-zzzz, begun 2027-01-02 01:02 UTC (1.2 s)",
		"2027-01-02T01:02:03Z …      put the documents of g-cloud-12: 900 of 2,001 (20 s)",
		"2027-01-02T01:02:03Z ok     apply  put the documents of g-cloud-12: 2,001 put, 3 retried, 12/s (1m20s)",
		"2027-01-02T01:02:04Z 7. build-indices: done (81 s)")
	if diff, err := compared(recorded, same); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for name, other := range map[string]string{
		"another task":    "2026-11-23T09:17:01Z ok     apply  put the documents of g-cloud-12 twice: 2,002 put (2.6 s)",
		"another verdict": "2026-11-23T09:17:01Z FAILED apply  put the documents of g-cloud-12: 2,002 put (2.6 s)",
		"another list":    "2026-11-23T09:17:01Z ok     verify put the documents of g-cloud-12: 2,002 put (2.6 s)",
	} {
		text, _ := os.ReadFile(recorded)
		lines := strings.Split(string(text), "\n")
		lines[2] = other
		if diff, err := compared(recorded, file("other", lines...)); err != nil || diff == "" {
			t.Errorf("%s is not noticed: %v", name, err)
		}
	}
	if _, err := compared(file("empty", "nothing"), same); err == nil {
		t.Error("a file without a transcript is taken for one")
	}
}
