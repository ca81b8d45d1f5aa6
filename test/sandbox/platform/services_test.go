package platform

import (
	"strings"
	"testing"
	"time"
)

func (w *world) managed(name, plan string) obj {
	return obj{
		"type": "managed", "name": name,
		"relationships": obj{"space": toOne(w.space), "service_plan": toOne(w.guid("/v3/service_plans?names=" + plan))},
	}
}

func (w *world) userProvided(name string) obj {
	return obj{"type": "user-provided", "name": name, "relationships": obj{"space": toOne(w.space)}}
}

func (w *world) bind(app, service, name string) obj {
	body := obj{"type": "app", "relationships": obj{"app": toOne(app), "service_instance": toOne(service)}}
	if name != "" {
		body["name"] = name
	}
	return body
}

// ccng: app/actions/mixins/service_instance_create.rb, app/actions/v3/service_instance_update_managed.rb
func TestNamesOfServicesAreUniqueInASpaceOverBothKinds(t *testing.T) {
	w := start(t)
	taken := "The service instance name is taken: search_api_elasticsearch"
	w.refused(422, 10008, taken+".", "POST", "/v3/service_instances", w.managed("search_api_elasticsearch", "small-ha-7.x"))
	w.refused(422, 10008, taken+".", "POST", "/v3/service_instances", w.userProvided("search_api_elasticsearch"))
	w.refused(422, 10008, taken+".", "PATCH", "/v3/service_instances/"+w.service("digitalmarketplace_splunk"), obj{"name": "search_api_elasticsearch"})
	w.done("POST", "/v3/service_instances", w.managed("new", "small-ha-7.x"))
	out := w.must(422, "PATCH", "/v3/service_instances/"+w.service("new"), obj{"name": "search_api_elasticsearch"})
	if detail := out["errors"].([]any)[0].(obj)["detail"]; detail != taken {
		t.Errorf("the rename of a managed instance says %q, without the full stop", detail)
	}
}

// ccng: app/actions/v3/service_instance_create_managed.rb
func TestAManagedServiceIsProvisionedByAJob(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.ProvisionTime = 10 * time.Minute }) // 600 ms, for what is refused meanwhile
	at := w.must(202, "POST", "/v3/service_instances", w.managed("new", "small-ha-7.x"))["location"].(string)
	guid := w.service("new")
	if state := w.must(200, "GET", "/v3/service_instances/"+guid, nil)["last_operation"].(obj)["state"]; state == "succeeded" {
		t.Error("succeeded at once")
	}
	w.refused(409, 60016, "An operation for service instance new is in progress.", "PATCH", "/v3/service_instances/"+guid, obj{"name": "other"})
	w.must(200, "PATCH", "/v3/service_instances/"+guid, obj{"metadata": obj{"labels": obj{"a": "b"}}})
	w.refused(409, 60016, "in progress", "POST", "/v3/service_credential_bindings", w.bind(w.app("search-api"), guid, ""))
	if out := w.ended(strings.TrimPrefix(at, w.api)); out["state"] != "COMPLETE" || out["links"].(obj)["service_instances"] == nil {
		t.Errorf("job: %v", out)
	}
}

// Cloud Foundry v3 API docs, "Create a service instance"; ccng: app/actions/v3/service_instance_create_managed.rb,
// app/jobs/v3/create_service_instance_job.rb, and service_instance_update_managed.rb: raise_if_invalid_state!
func TestAFailedCreationKeepsTheBrokersMessageAndFreesTheName(t *testing.T) {
	w := start(t)
	w.broker.refuse = "no capacity in eu-west-1"
	out := w.job("POST", "/v3/service_instances", w.managed("new", "small-ha-7.x"))
	e := out["errors"].([]any)[0].(obj)
	if out["state"] != "FAILED" || e["code"] != 10009.0 || e["detail"] != "create managed could not be completed: no capacity in eu-west-1" {
		t.Errorf("job: %v", out)
	}
	failed := w.one("/v3/service_instances?names=new")
	if op := failed["last_operation"].(obj); op["state"] != "failed" || op["description"] != "no capacity in eu-west-1" {
		t.Errorf("last operation: %v", op)
	}
	w.refused(404, 60004, "The service instance could not be found: new", "PATCH", "/v3/service_instances/"+failed["guid"].(string), obj{"name": "other"})
	w.broker.refuse = ""
	w.done("POST", "/v3/service_instances", w.managed("new", "small-ha-7.x"))
	if w.service("new") == failed["guid"] {
		t.Error("the failed instance exists again")
	}
}

// ccng: app/messages/service_instance_update_managed_message.rb: a key with null counts as given
func TestATagsKeyWithNullRemovesTheTags(t *testing.T) {
	w := start(t)
	body := w.managed("new", "small-ha-7.x")
	body["tags"] = []string{"a"}
	w.done("POST", "/v3/service_instances", body)
	at := "/v3/service_instances/" + w.service("new")
	if tags := w.must(200, "PATCH", at, obj{"name": "newer"})["tags"].([]any); len(tags) != 1 {
		t.Errorf("a rename alone changed the tags: %v", tags)
	}
	if tags := w.must(200, "PATCH", at, obj{"name": "newest", "tags": nil})["tags"].([]any); len(tags) != 0 {
		t.Errorf("tags: %v", tags)
	}
}

// ccng: app/actions/service_instance_update_user_provided.rb
func TestAUserProvidedServicesNullsAreInItsBindings(t *testing.T) {
	w := start(t)
	splunk := w.service("digitalmarketplace_splunk")
	b := w.guid("/v3/service_credential_bindings?service_instance_guids=" + splunk)
	details := func() any {
		return w.must(200, "GET", "/v3/service_credential_bindings/"+b+"/details", nil)["syslog_drain_url"]
	}
	if details() == nil {
		t.Fatal("no drain before the update")
	}
	w.must(200, "PATCH", "/v3/service_instances/"+splunk, obj{"name": "renamed", "syslog_drain_url": nil})
	if got := details(); got != nil {
		t.Errorf("drain: %v", got)
	}
}

// ccng: app/actions/v3/service_instance_delete.rb
func TestDeletingAServiceDeletesItsBindingsAndKeys(t *testing.T) {
	w := start(t)
	es := w.service("search_api_elasticsearch")
	w.done("POST", "/v3/service_credential_bindings", obj{"type": "key", "name": "k", "relationships": obj{"service_instance": toOne(es)}})
	if n := len(w.all("/v3/service_credential_bindings?service_instance_guids=" + es)); n != 2 {
		t.Fatalf("%d bindings, want an app's and a key", n)
	}
	w.done("DELETE", "/v3/service_instances/"+es, nil)
	if n := len(w.all("/v3/service_credential_bindings?service_instance_guids=" + es)); n != 0 {
		t.Errorf("%d bindings are left", n)
	}
	w.refused(404, 10010, "Service instance not found", "GET", "/v3/service_instances/"+es, nil)
}

// ccng: app/actions/service_credential_binding_app_create.rb
func TestBindingNamesAreUniqueForAnAppAndFixed(t *testing.T) {
	w := start(t)
	w.done("POST", "/v3/service_instances", w.managed("new", "small-ha-7.x"))
	blue, es := w.app("search-api"), w.service("new")
	w.refused(422, 10008, "The app is already bound to the service instance", "POST", "/v3/service_credential_bindings", w.bind(blue, w.service("search_api_elasticsearch"), "other"))
	w.done("POST", "/v3/service_credential_bindings", w.bind(blue, es, "mine"))
	w.must(201, "POST", "/v3/service_instances", w.userProvided("ups"))
	w.refused(422, 10008, "The app already has a binding with name 'mine'.", "POST", "/v3/service_credential_bindings", w.bind(blue, w.service("ups"), "mine"))
	w.must(201, "POST", "/v3/service_credential_bindings", w.bind(blue, w.service("ups"), ""))
	// apply_manifest skips a service that is bound, even under another name (ccng: app/actions/app_apply_manifest.rb).
	w.done("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", manifestFor("search-api", "  services: [{name: new, binding_name: yours}]\n"))
	if b := w.one("/v3/service_credential_bindings?app_guids=" + blue + "&service_instance_guids=" + es); b["name"] != "mine" {
		t.Errorf("binding: %v", b["name"])
	}
}

// Cloud Foundry v3 API docs, "List service instances", fields; ccng:
// app/decorators/field_service_instance_*_decorator.rb
func TestTheServicesOfASpaceComeWithTheirPlansAndOfferings(t *testing.T) {
	w := start(t)
	out := w.must(200, "GET", "/v3/service_instances?fields[service_plan.service_offering.service_broker]=guid,name&fields[service_plan.service_offering]=guid,name,relationships.service_broker"+
		"&fields[service_plan]=guid,name,relationships.service_offering&fields[space.organization]=name,guid&fields[space]=name,guid&order_by=name&per_page=5000&space_guids="+w.space, nil)
	included := out["included"].(obj)
	for key, name := range map[string]string{"service_plans": "small-ha-5.x", "service_offerings": "elasticsearch", "service_brokers": "sandbox-broker", "spaces": "preview", "organizations": "digitalmarketplace"} {
		list := included[key].([]any)
		if len(list) != 1 || list[0].(obj)["name"] != name {
			t.Errorf("%s: %v", key, list)
		}
	}
	if r := included["service_plans"].([]any)[0].(obj)["relationships"].(obj)["service_offering"]; r == nil {
		t.Error("no relationship from plan to offering")
	}
}
