package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// typist follows cf commands without sending them, and knows who has which name
// when each is typed.
type typist map[string]string

// types says of each command that names an app or a service whom it meets.
func (names typist) types(t *testing.T, log string) (met []string) {
	t.Helper()
	for line := range strings.Lines(log) {
		_, command, is := strings.Cut(line, "cf ")
		if !is {
			continue
		}
		words := strings.Fields(command)
		kind := "app "
		switch words[0] {
		case "create-route", "delete-route", "create-service", "push", "create-app-manifest", "apply-manifest":
			continue
		case "rename-service", "delete-service":
			kind = "service "
		}
		who, is := names[kind+words[1]]
		if !is {
			t.Errorf("%q names nobody", "cf "+strings.TrimSpace(command))
			continue
		}
		if strings.HasPrefix(words[0], "rename") {
			if other, taken := names[kind+words[2]]; taken {
				t.Errorf("%q: %s has that name", "cf "+strings.TrimSpace(command), other)
			}
			delete(names, kind+words[1])
			names[kind+words[2]] = who
		}
		said := words[0] + " " + who
		if !slices.Contains(met, said) {
			met = append(met, said)
		}
	}
	return met
}

// A person who types what a plan prints meets apps and services by the names that
// they have when the command's turn comes, after those that earlier commands gave.
func TestWhatAPlanPrintsCanBeTypedInItsOrder(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	names := typist{"app search-api": "blue", "app elasticsearch-migration": "green", "service search_api_elasticsearch": "old", "service search_api_elasticsearch_new": "new"}
	p := w.run(0, "elasticsearch", "plan", "--as", "cf")
	want := []string{
		"map-route green", "unmap-route blue", "unmap-route green", "set-env blue",
		"rename-service old", "rename-service new", "rename blue", "rename green", "stop blue", "delete blue", "delete-service old",
	}
	if diff := cmp.Diff(want, names.types(t, p.out.String())); diff != "" {
		t.Errorf("whom the plan's commands meet (-want +got):\n%s", diff)
	}
	end := typist{"app search-api-old": "blue", "app search-api": "green", "service search_api_elasticsearch_old": "old", "service search_api_elasticsearch": "new"}
	if diff := cmp.Diff(end, names); diff != "" {
		t.Errorf("the names in the end (-want +got):\n%s", diff)
	}

	w.forward("remove-old-app")
	w.released(nil)
	w.run(0, "elasticsearch", "await-release")
	end["app search-api"] = "released"
	p = w.run(0, "elasticsearch", "rollback", "--dry-run")
	want = []string{
		"start blue", "map-route blue", "unmap-route released", "rename released", "rename blue",
		"set-env released", "rename-service new", "rename-service old", "unset-env blue",
	}
	if diff := cmp.Diff(want, end.types(t, p.log.String())); diff != "" {
		t.Errorf("whom the commands of the way back meet (-want +got):\n%s", diff)
	}
}
