package e2e

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
)

// applyManifest applies a manifest, as cf push does, and waits until that is done.
func (s *story) applyManifest(args []string) {
	s.need(args, 1, 1)
	apps := func() (text string) {
		var snapshot struct {
			Platform struct{ Apps json.RawMessage }
		}
		s.world.call("GET", "/_sandbox/snapshot", nil, &snapshot)
		return string(snapshot.Platform.Apps)
	}
	before := apps()
	s.world.cf("POST", "/v3/spaces/"+s.world.guid("/v3/spaces")+"/actions/apply_manifest", s.ts.ReadFile(args[0]), nil)
	s.world.eventually("the manifest is applied", func() bool { return apps() != before })
}

// longVariable sets a variable of an app to so many bytes.
func (s *story) longVariable(args []string) {
	s.need(args, 3, 3)
	n, err := strconv.Atoi(args[2])
	s.ts.Check(err)
	text := strings.Repeat("0123456789 of a line é\n", n/24+1)[:n]
	s.world.cf("PATCH", "/v3/apps/"+s.world.app(args[0])+"/environment_variables", map[string]any{"var": map[string]string{args[1]: text}}, nil)
}

// appShape writes all of an app to a file that one made from it has too: droplet, processes, sidecars, variables.
func (s *story) appShape(args []string) {
	s.need(args, 2, 2)
	var snapshot struct {
		Platform struct{ Apps []map[string]any }
	}
	s.world.call("GET", "/_sandbox/snapshot", nil, &snapshot)
	for _, app := range snapshot.Platform.Apps {
		if app["name"] != args[0] {
			continue
		}
		for _, own := range []string{"name", "guid", "state", "labels", "annotations", "bindings", "routes"} {
			delete(app, own)
		}
		for _, process := range app["processes"].([]any) {
			delete(process.(map[string]any), "states")
		}
		text, err := json.MarshalIndent(app, "", " ")
		s.ts.Check(err)
		s.ts.Check(os.WriteFile(s.ts.MkAbs(args[1]), append(text, '\n'), 0o600))
		return
	}
	s.ts.Fatalf("there is no app %s", args[0])
}
