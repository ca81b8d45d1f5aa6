package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// state is the sandbox's state without what differs from sandbox to sandbox: identifiers, times, what completed stages have
// measured, and the lease of a killed process, which the next process takes over.
func (w *world) state() string {
	w.t.Helper()
	var snapshot any
	w.check(w.Snapshot(w.t.Context(), &snapshot))
	text := numbered(indented(w.t, plain(snapshot)))
	// Again, since objects were sorted by keys that are identifiers.
	if err := json.Unmarshal([]byte(text), &snapshot); err != nil {
		w.t.Fatal(err)
	}
	return indented(w.t, snapshot)
}

// wantState wants the state to be one that state has returned.
func (w *world) wantState(was string) {
	w.t.Helper()
	if diff := cmp.Diff(was, w.state()); diff != "" {
		w.t.Errorf("the state differs (-want +got):\n%s", diff)
	}
}

func indented(t testing.TB, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// plain replaces what was measured in the run's record: of the record of a stage, and of a fact that is a time, only that it
// is there counts.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			switch {
			case key == "last_operation":
				// A rename and its undo change the last operation of a service.
				v[key] = value.(map[string]any)["state"]
			case strings.HasPrefix(key, "stage-"), key == "started", key == "catch-up", key == "caught-up", key == "indexing-began", key == "shared", key == "drained":
				v[key] = "(set)"
			case key == "released":
				v[key] = regexp.MustCompile(`"at":"[^"]*"`).ReplaceAllString(value.(string), `"at":"(set)"`)
			default:
				v[key] = plain(value)
			}
		}
	case []any:
		kept := []any{}
		for _, one := range v {
			if m, is := one.(map[string]any); is && m["name"] == leaseName {
				continue
			}
			kept = append(kept, plain(one))
		}
		return kept
	}
	return v
}

// numbered replaces each identifier by a number, in the order of their first appearance.
func numbered(text string) string {
	known := map[string]string{}
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b\d{8}-\d{4}-[a-z0-9]{4}\b`)
	return id.ReplaceAllStringFunc(text, func(s string) string {
		if known[s] == "" {
			known[s] = fmt.Sprintf("id-%d", len(known)+1)
		}
		return known[s]
	})
}
