package clone_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// copying is a world in which no other release was asked for.
func copying(t *testing.T, o sandbox.Options) *world {
	t.Helper()
	w := newWorldOf(t, o)
	b := w.blue()
	w.ok(w.run.SetAll(w.ctx, map[string]string{upgrade.FactImage: b.Image, upgrade.FactDroplet: b.Droplet}))
	return w
}

// whole is all of an app that one made from it is to equal, as the platform keeps it.
func (w *world) whole(name string) map[string]any {
	w.Helper()
	for _, app := range w.box.Snapshot()["platform"].(map[string]any)["apps"].([]map[string]any) {
		if app["name"] != name {
			continue
		}
		for _, own := range []string{"name", "guid", "labels", "annotations", "bindings", "routes", "state"} {
			delete(app, own)
		}
		for _, process := range app["processes"].([]map[string]any) {
			delete(process, "states")
		}
		return app
	}
	w.Fatalf("there is no app %s", name)
	return nil
}

// manifold gives blue everything that a manifest can give an app beside its web process.
func (w *world) manifold() {
	w.Helper()
	w.ok(w.cf.Apps.ApplyManifest(w.ctx, []byte(`applications:
- name: search-api
  sidecars:
  - {name: proxy, command: "./proxy --port 9000", process_types: [web, worker], memory: 64M}
  - {name: agent, command: ./agent, process_types: [worker]}
  processes:
  - {type: worker, command: "./work --queue a,b", instances: 1, memory: 128M, health-check-type: process}
  - {type: task, command: "python -m migrate", instances: 0, memory: 256M}
`)))
}

// Green is what blue is, whatever it was pushed with: the same droplet, processes and
// sidecars. A blue that was deleted is made again from green's copy.
func TestACopyIsWhatBlueIs(t *testing.T) {
	for name, o := range map[string]sandbox.Options{"a docker image": {}, "a buildpack": {Buildpack: "python_buildpack"}} {
		t.Run(name, func(t *testing.T) {
			w := copying(t, o)
			w.manifold()
			before := w.whole("search-api")
			if len(before["sidecars"].([]map[string]any)) != 2 || len(before["processes"].([]map[string]any)) != 3 {
				t.Fatalf("blue is %v", before)
			}
			green := w.built()
			w.routable(green.GUID, w.blue().Instances)
			if diff := cmp.Diff(before, w.whole("elasticsearch-migration")); diff != "" {
				t.Errorf("green (-blue +green): %s", diff)
			}
			w.planned()(w.green.Tasks(w.ctx))
			w.deleted()
			w.apply(w.rebuild.Tasks(w.ctx, w.blue()))
			if diff := cmp.Diff(before, w.whole("search-api-old")); diff != "" {
				t.Errorf("rebuilt (-before +after): %s", diff)
			}
		})
	}
}

// A copy whose answer is lost is not made twice; one that failed is made again.
func TestACopyIsMadeOnce(t *testing.T) {
	w := copying(t, sandbox.Options{Buildpack: "python_buildpack"})
	w.apply([]runner.Task{w.task("create app elasticsearch-migration")}, nil)
	green := must(w.pair.NeedGreen(w.ctx))(w).GUID
	must(w.box.Faults().Add(faults.Fault{Method: "POST", Path: "/v3/droplets$", Kind: faults.ErrorAfter, Status: 502, N: 1}))(w)
	copies := []runner.Task{w.task("copy blue's droplet")}
	w.apply(copies, nil)
	w.apply(copies, nil)
	if all := must(w.cf.Apps.Droplets(w.ctx, green))(w); len(all) != 1 || all[0].Checksum != w.blue().Checksum {
		t.Errorf("green has the droplets %+v", all)
	}
	w.planned("create route "+temporaryRoute, "bind service digitalmarketplace_prometheus", "bind service digitalmarketplace_splunk",
		"bind service search_api_elasticsearch_new", "apply the manifest", "allow search-api to reach elasticsearch-migration", "start app elasticsearch-migration")
}

// What a buildpack made is with blue's copies alone: blue is not deleted without one.
func TestBlueIsKeptWhereNobodyHasItsDroplet(t *testing.T) {
	w := copying(t, sandbox.Options{Buildpack: "python_buildpack"})
	green := w.built()
	w.servedByGreen(green)
	_, blue, err := w.pair.NeedBlue(w.ctx)
	w.ok(err)
	b := w.blue()
	b.Checksum = strings.Repeat("0", 64)
	w.ok(w.run.SetBlue(w.ctx, b))
	_, err = w.try(w.rebuild.Record(blue))
	if err == nil || !strings.Contains(err.Error(), "no live app has a copy of droplet "+b.Droplet+" of python_buildpack") {
		t.Errorf("nobody has it: %v", err)
	}
	if o, err := w.try(w.rebuild.RecordIfItFits(blue)); err != nil || !strings.Contains(o.Said(), "not recorded") {
		t.Errorf("at the end: %q, %v", o.Said(), err)
	}
	if w.run.BlueCanBeRebuilt() {
		t.Error("it is recorded")
	}
}

// Values of variables are the same on green, and on a blue that is made again, byte for
// byte: those that parsers of YAML take for something else, and long ones.
func TestVariablesAreCarriedByteForByte(t *testing.T) {
	w := copying(t, sandbox.Options{})
	odd := map[string]*string{}
	for name, value := range map[string]string{
		"ON": "on", "OCTAL": "0123", "NULL": "null", "EMPTY": "", "NUMBER": "1,000", "TIME": "12:30", "SYMBOL": ":a", "LINES": "one\ntwo\n\n  three\n",
		"TAB": "\tone\ntwo", "WINDOWS": "one\r\ntwo\r\n", "EMOJI": "🔎 é\u2028", "JSON": `{"a": ["b", 'c']}`, "LONG": strings.Repeat("0123456789 é\n", 5000),
	} {
		odd[name] = &value
	}
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, w.blue().App, odd))
	before := w.madeOf(w.blue().App).Env
	if before["LONG"] != *odd["LONG"] {
		t.Fatalf("blue has %.60q", before["LONG"])
	}
	if diff := cmp.Diff(before, w.madeOf(w.built().GUID).Env); diff != "" {
		t.Errorf("green (-blue +green): %s", diff)
	}
	w.deleted()
	w.apply(w.rebuild.Tasks(w.ctx, w.blue()))
	if diff := cmp.Diff(before, w.madeOf(w.blue().App).Env); diff != "" {
		t.Errorf("rebuilt (-before +after): %s", diff)
	}
}
