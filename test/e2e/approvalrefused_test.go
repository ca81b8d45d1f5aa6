package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// A change that others make between the approval and the stage is refused by name, and nothing is written.
func TestWhatOthersChangeAfterTheApprovalIsRefusedAndNamed(t *testing.T) {
	t.Parallel()
	for _, point := range []struct{ reach, stage string }{
		{"verify-indices", "map-live-route"}, {"verify-indices", "switch"}, {"rename-new-app", "remove-old-app"},
	} {
		t.Run(point.stage, func(t *testing.T) {
			t.Parallel()
			w := start(t, few())
			w.run(0, "elasticsearch", "run", "--to", point.reach)
			names := map[string]string{"blue": "search-api", "green": "elasticsearch-migration", "old": "search_api_elasticsearch", "new": "search_api_elasticsearch_new"}
			if point.reach == "rename-new-app" {
				names = map[string]string{"blue": "search-api-old", "green": "search-api", "old": "search_api_elasticsearch_old", "new": "search_api_elasticsearch"}
			}
			blue, green, somebody := w.app(names["blue"]), w.app(names["green"]), w.createApp("somebody")
			for _, c := range []struct {
				what, says string
				change     func()
				settings   map[string]string
			}{
				{"another app on a live route", "routes was another .* leads to app somebody", func() { w.mapTo(liveHost, somebody) }, nil},
				{"an app on the old service", "blue-service-users was another .* now app somebody", func() { w.bind("app", somebody, names["old"]) }, nil},
				{"a key of the new service", "green-service-users was another .* now key backup", func() { w.bind("key", "backup", names["new"]) }, nil},
				{"a variable of blue", "blue-variables was another .* now .*DM_LOG_PATH", func() { w.setVariable(blue, "DM_LOG_PATH", "/tmp/changed") }, nil},
				{"a new variable of green", "green was another .*EXTRA", func() { w.setVariable(green, "EXTRA", "yes") }, nil},
				{"green on another route", "other-routes was another .* leads to green", func() {
					w.createRoute("elsewhere")
					w.mapTo("elsewhere", green)
				}, nil},
				{"a binding of blue deleted", "blue-bindings was another", func() {
					w.cf("DELETE", "/v3/service_credential_bindings/"+w.guid("/v3/service_credential_bindings?app_guids="+blue+"&service_instance_guids="+w.instance("digitalmarketplace_splunk")), nil, nil)
				}, nil},
				{"another image in blue", "blue-image was another .* now " + laterImage, func() { w.repush(blue, laterImage) }, nil},
				{"a network policy of blue", "blue-policies was another .* tcp 8080-8080", func() {
					w.addPolicy(somebody, blue, 8080, 8080)
				}, nil},
				{"the guard of the live routes removed", "routes was another", func() {
					w.cf("DELETE", "/v3/service_route_bindings/"+w.guid("/v3/service_route_bindings?route_guids="+w.route(liveHost)), nil, nil)
				}, nil},
				{"a live route that leads nowhere", "routes was another .*/_metrics [^,]*leads to nobody", func() {
					w.cf("PATCH", "/v3/routes/"+w.guid("/v3/routes?hosts=dm-search-api-preview&paths=/_metrics")+"/destinations", map[string]any{"destinations": []any{}}, nil)
				}, nil},
				{"blue renamed", "names was another .* blue is named moved", func() { w.renameApp(blue, "moved") }, nil},
				{"an app with a name that the run will use", "names was another .* search-api-old is app", func() { w.createApp("search-api-old") }, nil},
				{"a setting of the job", `DRAIN was another .* now "7s"`, nil, map[string]string{"DRAIN": "7s"}},
				{"a setting that was the default", `ALSO_BOUND was the default .* now "backup"`, nil, map[string]string{"ALSO_BOUND": "backup"}},
				{"a setting that is the default again", `WITNESS_RATE was another .* now the default`, nil, map[string]string{"WITNESS_RATE": "20"}},
				{"green deleted", "other-routes was another .* now none; green was another .* now deleted", func() { w.deleteApp(green) }, nil},
			} {
				settings := noHeartbeat()
				settings["PLAN_DIGEST"], settings["ROUTE_TIMEOUT"] = w.digest(), "1s"
				if c.change != nil {
					was := settings["PLAN_DIGEST"]
					c.change()
					w.eventually(c.what, func() bool { return w.digest() != was })
				}
				for name, value := range c.settings {
					settings[name] = value
				}
				n := len(w.writes())
				p := w.with(settings, 3, "elasticsearch", point.stage)
				line := regexp.MustCompile(`FAILED check +the world is the one that was approved: .*`).FindString(p.Stderr())
				differ := strings.Count(line, "when the plan was approved")
				if !regexp.MustCompile(c.says).MatchString(line) || differ != strings.Count(c.says, " was ") {
					t.Errorf("%s: logged %q, want %q alone\n%s", c.what, line, c.says, p.Stderr())
				}
				if some := choose(w.writes()[n:], notOfLease); len(some) > 0 {
					t.Errorf("%s: it wrote %+v", c.what, some)
				}
			}
		})
	}
}
