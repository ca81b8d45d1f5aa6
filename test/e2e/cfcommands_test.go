package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cfNames has the apps and services of a platform by kind and name, such as "app search-api".
type cfNames map[string]string

// follow applies the cf commands in a log to the names, without sending them. It returns the command and the app or service that
// it is applied to, for each that names one.
func (names cfNames) follow(t *testing.T, log string) (applied []string) {
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
		object, is := names[kind+words[1]]
		if !is {
			t.Errorf("%q names nothing that exists", "cf "+strings.TrimSpace(command))
			continue
		}
		if strings.HasPrefix(words[0], "rename") {
			if other, exists := names[kind+words[2]]; exists {
				t.Errorf("%q: %s has that name", "cf "+strings.TrimSpace(command), other)
			}
			delete(names, kind+words[1])
			names[kind+words[2]] = object
		}
		one := words[0] + " " + object
		if !slices.Contains(applied, one) {
			applied = append(applied, one)
		}
	}
	return applied
}

// The commands that a plan prints can be typed in its order: each names apps and services as the commands before it have renamed
// them.
func TestTheCommandsOfAPlanCanBeTypedInItsOrder(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	names := cfNames{"app search-api": "blue", "app elasticsearch-migration": "green", "service search_api_elasticsearch": "old", "service search_api_elasticsearch_new": "new"}
	p := w.run(0, "elasticsearch", "plan", "--as", "cf")
	want := []string{
		"map-route green", "unmap-route blue", "unmap-route green", "set-env blue",
		"rename-service old", "rename-service new", "rename blue", "rename green", "stop blue", "delete blue", "delete-service old",
	}
	if diff := cmp.Diff(want, names.follow(t, p.Stdout())); diff != "" {
		t.Errorf("the plan's commands are applied to (-want +got):\n%s", diff)
	}
	end := cfNames{"app search-api-old": "blue", "app search-api": "green", "service search_api_elasticsearch_old": "old", "service search_api_elasticsearch": "new"}
	if diff := cmp.Diff(end, names); diff != "" {
		t.Errorf("the final names (-want +got):\n%s", diff)
	}

	w.forward("remove-old-app")
	w.deploy(nextImage)
	w.run(0, "elasticsearch", "await-release")
	end["app search-api"] = "released"
	p = w.run(0, "elasticsearch", "rollback", "--dry-run")
	want = []string{
		"start blue", "map-route blue", "unmap-route released", "rename released", "rename blue",
		"set-env released", "rename-service new", "rename-service old", "unset-env blue",
	}
	if diff := cmp.Diff(want, end.follow(t, p.Stderr())); diff != "" {
		t.Errorf("the rollback's commands are applied to (-want +got):\n%s", diff)
	}
}
