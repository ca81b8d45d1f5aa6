package platform

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// ccng: app/controllers/v3/application_controller.rb, validate_token!
func TestATokenThatIsMissingBadOrExpiredIsA401(t *testing.T) {
	c := clock.New(0.001)
	w := start(t, func(o *Options, _ *World) { o.Clock = c })
	good := w.token
	w.token = ""
	w.refused(401, 10002, "Authentication error", "GET", "/v3/apps", nil)
	w.token = good[:len(good)-4] + "AAAA"
	w.refused(401, 1000, "Invalid Auth Token", "GET", "/v3/apps", nil)
	w.token = good
	w.must(200, "GET", "/v3/apps", nil)
	c.Move(time.Hour)
	w.refused(401, 1000, "Invalid Auth Token", "GET", "/v3/apps", nil)
}

// uaa: docs, "Token"; cloudfoundry/cli: util/configv3 reads user_id, origin and exp.
func TestTheUAAGrantsByPasswordClientAndRefresh(t *testing.T) {
	w := start(t)
	status, out := w.oauth("cf", "", url.Values{"grant_type": {"password"}, "username": {"admin"}, "password": {"wrong"}})
	if status != 401 || out["error"] != "unauthorized" {
		t.Errorf("wrong password: %d %v", status, out)
	}
	_, out = w.oauth("cf", "", url.Values{"grant_type": {"password"}, "username": {"admin"}, "password": {"s3cret"}})
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(out["access_token"].(string), ".")[1])
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["user_id"] == nil || claims["origin"] != "uaa" || claims["exp"].(float64) <= float64(time.Now().Unix()) {
		t.Errorf("claims: %v", claims)
	}
	status, again := w.oauth("cf", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {out["refresh_token"].(string)}})
	if status != 200 || again["access_token"] == nil {
		t.Errorf("refresh: %d %v", status, again)
	}
	if status, out = w.oauth("cf", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"old"}}); status != 401 || out["error"] != "invalid_token" {
		t.Errorf("bad refresh: %d %v", status, out)
	}
	status, _ = w.oauth("", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {"cutover"}, "client_secret": {"s3cret"}})
	if status != 401 {
		t.Errorf("empty basic credentials beside the form's: %d", status)
	}
	status, out = w.oauth("cutover", "s3cret", url.Values{"grant_type": {"client_credentials"}})
	if _, has := out["refresh_token"]; status != 200 || has {
		t.Errorf("client credentials: %d %v", status, out)
	}
}

// Cloud Foundry docs, "Orgs, spaces, roles, and permissions"; ccng: lib/cloud_controller/permissions.rb,
// can_read_secrets_in_space?
func TestAnAuditorReadsButNeitherWritesNorSeesTheEnvironment(t *testing.T) {
	w := start(t, func(_ *Options, c *World) {
		c.Users = append(c.Users, User{Name: "auditor", Password: "a", ReadOnly: true})
	})
	w.login("auditor", "a")
	blue := w.app("search-api")
	w.refused(403, 10003, "not authorized", "GET", "/v3/apps/"+blue+"/env", nil)
	w.refused(403, 10003, "not authorized", "PATCH", "/v3/apps/"+blue, obj{"name": "x"})
}

// ccng: app/messages/base_message.rb, NoAdditionalParamsValidator; config/routes.rb for unknown paths.
func TestUnknownFieldsParametersAndPathsAreRefused(t *testing.T) {
	w := start(t)
	w.refused(400, 10005, "The query parameter is invalid: Unknown query parameter(s): 'nmaes'. Valid parameters are: 'page', 'per_page', 'order_by', "+
		"'created_ats', 'updated_ats', 'guids', 'names', 'organization_guids', 'space_guids', 'stacks', 'include', 'lifecycle_type', 'label_selector'",
		"GET", "/v3/apps?nmaes=x", nil)
	w.refused(400, 10005, "Per page must be between 1 and 5000", "GET", "/v3/apps?per_page=5001", nil)
	w.refused(400, 10005, "Page must be a positive integer", "GET", "/v3/apps?page=0", nil)
	w.refused(404, 10000, "Unknown request", "GET", "/v3/nothing", nil)
	w.refused(404, 10000, "Unknown request", "DELETE", "/v3/apps", nil)
	w.refused(404, 10010, "App not found", "GET", "/v3/apps/none", nil)
	w.refused(422, 10008, "Unknown field(s): 'nmae'", "POST", "/v3/apps", obj{"nmae": "x"})
	w.refused(400, 1001, "invalid request body", "POST", "/v3/apps", json.RawMessage("[1]"))
}

// Cloud Foundry v3 API docs, "Get platform info"; Rails routing guide: a slash at the end makes no difference.
func TestInfoHasTheRateLimit(t *testing.T) {
	w := start(t)
	limited := func() any { return w.must(200, "GET", "/v3/info/", nil)["rate_limits"].(obj)["enabled"] }
	if limited() != false {
		t.Error("requests are limited from the start")
	}
	w.p.LimitRate(500)
	if limited() != true {
		t.Error("the limit is not in the answer")
	}
	w.must(200, "GET", "/v3/apps/", nil)
}

// ccng: app/presenters/v3/paginated_list_presenter.rb
func TestPagesHaveAbsoluteLinks(t *testing.T) {
	w := start(t)
	for i := range 7 {
		w.must(201, "POST", "/v3/service_instances", obj{"type": "user-provided", "name": fmt.Sprint("s", i), "relationships": obj{"space": toOne(w.space)}})
	}
	at := "/v3/service_instances?type=user-provided&order_by=-name&per_page=4"
	var names []string
	pages := 0
	for at != "" {
		out := w.must(200, "GET", at, nil)
		for _, v := range out["resources"].([]any) {
			names = append(names, v.(obj)["name"].(string))
		}
		page := out["pagination"].(obj)
		if page["total_results"] != 10.0 || page["total_pages"] != 3.0 {
			t.Fatalf("pagination: %v", page)
		}
		pages++
		at = ""
		if next, ok := page["next"].(obj); ok {
			if at, ok = strings.CutPrefix(next["href"].(string), w.api); !ok {
				t.Fatalf("next is not absolute: %v", next)
			}
		}
	}
	if pages != 3 || len(names) != 10 || names[0] != "s6" || names[9] != "digitalmarketplace_ip_allow_list" {
		t.Errorf("%d pages: %v", pages, names)
	}
}

// ccng: app/messages/validators/metadata_validator.rb, app/actions/labels_update.rb
func TestMetadataMergesAndHasLimits(t *testing.T) {
	w := start(t)
	at := "/v3/apps/" + w.app("search-api")
	set := func(labels, annotations obj) obj {
		return obj{"metadata": obj{"labels": labels, "annotations": annotations}}
	}
	w.must(200, "PATCH", at, set(obj{"a": "1", "example.org/b": "2"}, obj{"long": strings.Repeat("é", 5000)}))
	got := w.must(200, "PATCH", at, set(obj{"a": nil, "c": "3"}, nil))["metadata"].(obj)["labels"]
	if !reflect.DeepEqual(got, obj{"example.org/b": "2", "c": "3"}) {
		t.Errorf("labels: %v", got)
	}
	w.refused(422, 10008, "Metadata annotation value error: 'xxxxxxxx...' is greater than 5000 characters", "PATCH", at, set(nil, obj{"k": strings.Repeat("x", 5001)}))
	w.refused(422, 10008, "Metadata label value error: 'a b' contains invalid characters", "PATCH", at, set(obj{"k": "a b"}, nil))
	w.refused(422, 10008, "Metadata label value error: 'a-' starts or ends with invalid characters", "PATCH", at, set(obj{"k": "a-"}, nil))
	w.refused(422, 10008, "is greater than 63 characters", "PATCH", at, set(obj{"k": strings.Repeat("v", 64)}, nil))
	w.refused(422, 10008, "Metadata label key error: key has more than one '/'", "PATCH", at, set(obj{"a/b/c": "v"}, nil))
	w.refused(422, 10008, "prefix 'cloudfoundry.org' is reserved", "PATCH", at, set(obj{"cloudfoundry.org/a": "v"}, nil))
	w.refused(422, 10008, "must be in valid dns format", "PATCH", at, set(obj{"under_score/a": "v"}, nil))
	many := obj{}
	for i := range 51 {
		many[fmt.Sprint("k", i)] = "v"
	}
	w.refused(422, 390020, "exceed maximum of 50", "PATCH", at, set(many, nil))
	for i := range 201 {
		many[fmt.Sprint("k", i)] = "v"
	}
	w.refused(422, 390023, "exceed maximum of 200", "PATCH", at, set(nil, many))
}

// Cloud Foundry v3 API docs, "Label selector": resources without the label match != and notin; ccng:
// app/fetchers/label_selector_query_generator.rb
func TestLabelSelectors(t *testing.T) {
	w := start(t)
	w.must(200, "PATCH", "/v3/apps/"+w.app("search-api"), obj{"metadata": obj{"labels": obj{"run": "r1", "colour": "blue"}}})
	for selector, want := range map[string]int{
		"run=r1": 1, "run==r1,colour!=green": 1, "run!=r1": 0, "run in (r0,r1)": 1, "run notin (r1)": 0, "colour": 1, "!colour": 0, "none!=x": 1,
	} {
		if got := len(w.all("/v3/apps?label_selector=" + url.QueryEscape(selector))); got != want {
			t.Errorf("%s: %d apps, want %d", selector, got, want)
		}
	}
}

// RFC 9110, Date: clients store the platform's own time, not theirs.
func TestTheDateIsTheSandboxsOwn(t *testing.T) {
	c := clock.New(0.001)
	w := start(t, func(o *Options, _ *World) { o.Clock = c })
	c.Move(48 * time.Hour)
	resp, err := http.Get(w.api + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || time.Until(date) < 47*time.Hour {
		t.Errorf("Date: %s", resp.Header.Get("Date"))
	}
}

// Cloud Foundry v3 API docs, "Create a manifest diff for a space": a POST that changes nothing.
func TestWritesAreNumberedAndADiffIsNone(t *testing.T) {
	c := clock.New(0.001)
	engine := faults.New(c)
	w := start(t, func(o *Options, _ *World) { o.Clock, o.Faults = c, engine })
	before := engine.Count()
	w.must(201, "POST", "/v3/spaces/"+w.space+"/manifest_diff", manifestFor("search-api"))
	if engine.Count() != before {
		t.Error("a manifest_diff counts as a write")
	}
	w.must(200, "PATCH", "/v3/apps/"+w.app("search-api"), obj{"metadata": obj{"labels": obj{"a": "b"}}})
	if engine.Count() != before+1 {
		t.Errorf("%d writes, want 1", engine.Count()-before)
	}
}

// Cloud Foundry v3 API docs, "Space quotas", "Get usage summary"; ccng: app/models/runtime/constraints,
// app/actions/process_scale.rb
func TestQuotasAreReportedAndEnforced(t *testing.T) {
	w := start(t, func(_ *Options, c *World) {
		c.SpaceQuota = Quota{Name: "small", MemoryMB: 1536, Services: 1, Routes: 3}
	})
	used := w.must(200, "GET", "/v3/spaces/"+w.space+"/usage_summary", nil)["usage_summary"].(obj)
	if used["memory_in_mb"] != 1024.0 || used["started_instances"] != 2.0 || used["service_instances"] != 1.0 || used["routes"] != 2.0 {
		t.Errorf("usage: %v", used)
	}
	q := w.one("/v3/space_quotas?space_guids=" + w.space)
	if q["apps"].(obj)["total_memory_in_mb"] != 1536.0 || q["apps"].(obj)["total_instances"] != nil {
		t.Errorf("quota: %v", q)
	}
	blue := w.app("search-api")
	w.refused(422, 10008, "memory space_quota_exceeded", "POST", "/v3/apps/"+blue+"/processes/web/actions/scale", obj{"instances": 4})
	w.must(202, "POST", "/v3/apps/"+blue+"/processes/web/actions/scale", obj{"instances": 3})
	plan := w.guid("/v3/service_plans?names=small-ha-7.x")
	w.refused(422, 10008, "You have exceeded your space's services limit.", "POST", "/v3/service_instances", obj{
		"type": "managed", "name": "second", "relationships": obj{"space": toOne(w.space), "service_plan": toOne(plan)},
	})
}

// ccng: app/repositories/app_event_repository.rb, process_event_repository.rb, build_event_repository.rb,
// droplet_event_repository.rb, revision_event_repository.rb: the events of a push, of a read and of a crash, and their
// actors.
func TestAuditEventsAreThoseOfThePlatform(t *testing.T) {
	w := start(t)
	green := w.push("green", manifestFor("green", "  instances: 1\n  memory: 64M\n  no-route: true\n"))
	w.must(200, "GET", "/v3/apps/"+green+"/env", nil)
	w.must(200, "GET", "/v3/apps/"+green+"/environment_variables", nil)
	if err := w.p.Crash("green", 0); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range w.all("/v3/audit_events?order_by=created_at&target_guids=" + green) {
		seen = append(seen, strings.TrimPrefix(e["type"].(string), "audit.app.")+" "+e["actor"].(obj)["type"].(string)+" "+e["actor"].(obj)["name"].(string))
	}
	want := []string{
		"process.create user admin", "create user admin", "apply_manifest user admin", "package.create user admin", "build.create user admin",
		"droplet.create user admin", "build.staged user admin", "droplet.mapped user admin", "revision.create user admin", "restart user admin",
		"process.ready process web", "environment.show user admin", "environment_variables.show user admin",
		"process.crash process web", "app.crash app green",
	}
	if !slices.Equal(seen[:min(len(seen), len(want))], want) {
		t.Errorf("events:\n%s\nwant:\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

// Cloud Foundry v3 API docs, "The audit event object".
func TestAuditEventsHaveActorAndTarget(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	w.must(200, "PATCH", "/v3/apps/"+blue, obj{"name": "renamed"})
	e := w.one("/v3/audit_events?types=audit.app.update&target_guids=" + blue)
	if e["actor"].(obj)["name"] != "admin" || e["target"].(obj)["name"] != "renamed" {
		t.Errorf("event: %v", e)
	}
}

// ccng: app/actions/app_create.rb raises UniquenessError, app/actions/app_update.rb InvalidApp
func TestANameOfAnotherAppIsRefusedInTwoWays(t *testing.T) {
	w := start(t)
	body := obj{"name": "search-api", "relationships": obj{"space": toOne(w.space)}}
	w.refused(422, 10016, "App with the name 'search-api' already exists.", "POST", "/v3/apps", body)
	body["name"] = "other"
	other := w.must(201, "POST", "/v3/apps", body)["guid"].(string)
	w.refused(422, 10008, "App with the name 'search-api' already exists.", "PATCH", "/v3/apps/"+other, obj{"name": "search-api"})
	w.must(201, "POST", "/v3/apps", obj{"name": "search_api_elasticsearch", "relationships": obj{"space": toOne(w.space)}}) // a service may have the name
}

// ccng: app/actions/update_route_destinations.rb
func TestDestinationsAreInsertedOnceAndReplacedAsAWhole(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	at := "/v3/routes/" + w.guid("/v3/routes?hosts=dm-search-api-preview&paths=") + "/destinations"
	to := func(app string) obj { return obj{"destinations": []obj{{"app": obj{"guid": app}}}} }
	same := w.must(200, "POST", at, to(blue))["destinations"].([]any)
	if len(same) != 1 {
		t.Errorf("an identical destination was inserted again: %v", same)
	}
	green := w.must(201, "POST", "/v3/apps", obj{"name": "g", "lifecycle": obj{"type": "docker", "data": obj{}}, "relationships": obj{"space": toOne(w.space)}})["guid"].(string)
	if n := len(w.must(200, "POST", at, to(green))["destinations"].([]any)); n != 2 {
		t.Errorf("%d destinations, want 2", n)
	}
	if left := w.must(200, "PATCH", at, to(green))["destinations"].([]any); len(left) != 1 || left[0].(obj)["app"].(obj)["guid"] != green {
		t.Errorf("replaced: %v", left)
	}
	w.refused(422, 10008, "Ensure the route has a destination with this guid", "DELETE", at+"/none", nil)
	w.refused(422, 10008, "do not exist", "POST", at, to("none"))
}

// ccng: app/actions/route_create.rb
func TestRoutesAreUniqueByHostDomainAndPath(t *testing.T) {
	w := start(t)
	domain := w.guid("/v3/domains?names=cloudapps.digital")
	body := func(host, path string) obj {
		return obj{"host": host, "path": path, "port": nil, "relationships": obj{"space": toOne(w.space), "domain": toOne(domain)}}
	}
	w.refused(422, 10008, "Route already exists with host 'dm-search-api-preview' for domain 'cloudapps.digital'.", "POST", "/v3/routes", body("dm-search-api-preview", ""))
	w.refused(422, 10008, "Route already exists with host 'dm-search-api-preview' and path '/_metrics' for domain", "POST", "/v3/routes", body("dm-search-api-preview", "/_metrics"))
	w.refused(422, 10008, "Path must begin with /", "POST", "/v3/routes", body("x", "y"))
	w.refused(422, 10008, "Missing host.", "POST", "/v3/routes", body("", ""))
	w.must(201, "POST", "/v3/routes", body("dm-search-api-preview", "/other"))
	for _, c := range []struct {
		query string
		taken bool
	}{{"host=dm-search-api-preview", true}, {"host=dm-search-api-preview&path=/other", true}, {"host=x", false}} {
		if out := w.must(200, "GET", "/v3/domains/"+domain+"/route_reservations?"+c.query, nil); out["matching_route"] != c.taken {
			t.Errorf("%s: %v", c.query, out)
		}
	}
	if n := len(w.all("/v3/routes?hosts=dm-search-api-preview&paths=")); n != 1 {
		t.Errorf("an empty paths= finds %d routes, want the one without a path", n)
	}
}
