package platform

import (
	"encoding/json"
	"reflect"
	"slices"
)

// diffManifest answers what applying would change. It writes nothing (ccng: app/actions/space_diff_manifest.rb). The
// operations are fewer and in a simpler order than those of the json-diff gem that the real one uses.
func diffManifest(c *call, s *space) error {
	manifests, err := c.readManifests()
	if err != nil {
		return err
	}
	diff := []obj{}
	for i, m := range manifests {
		current := obj{}
		if a, ok := c.p.apps.find(func(a *app) bool { return a.space == s && a.name == m.name }); ok {
			current = c.p.manifestOf(a)
			if v := c.p.newestProcess(a, "web"); v != nil {
				for k, value := range v.manifest() {
					current[k] = value
				}
			}
		}
		at := "/applications/" + itoa(i)
		for _, key := range sortedKeys(m.raw) {
			if contains(diffKeys, key) {
				diff = append(diff, difference(at+"/"+key, plain(current[key]), plain(normal(key, m.raw[key])))...)
			}
		}
	}
	return c.reply(201, obj{"diff": diff})
}

// diffKeys are the keys that the real one compares, as it spells them.
var diffKeys = []string{
	"buildpacks", "command", "disk_quota", "docker", "env", "health-check-http-endpoint", "health-check-invocation-timeout",
	"health-check-type", "instances", "metadata", "memory", "lifecycle", "name", "no-route", "processes", "random-route",
	"default-route", "routes", "services", "sidecars", "stack", "timeout", "features",
}

// normal converts sizes to one unit, and services to the parts that are compared.
func normal(key string, v any) any {
	switch key {
	case "memory", "disk_quota":
		if s, ok := v.(string); ok {
			if n, problem := megabytes(s); problem == "" {
				return itoa(n) + "M"
			}
		}
	case "services":
		list, _ := v.([]any)
		out := []any{}
		for _, one := range list {
			if s, ok := one.(map[string]any); ok {
				kept := obj{}
				for _, key := range []string{"name", "parameters"} {
					if value, ok := s[key]; ok {
						kept[key] = value
					}
				}
				one = kept
			}
			out = append(out, one)
		}
		return out
	}
	return v
}

// plain converts a value to JSON's types, so that both sides have the same types.
func plain(v any) any {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	_ = json.Unmarshal(b, &out)
	return out
}

func difference(path string, before, after any) []obj {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	if before == nil {
		return []obj{{"op": "add", "path": path, "value": after}}
	}
	if was, ok := before.(map[string]any); ok {
		if is, ok := after.(map[string]any); ok {
			return differentFields(path, was, is)
		}
	}
	if was, ok := before.([]any); ok {
		if is, ok := after.([]any); ok {
			return differentItems(path, was, is)
		}
	}
	return []obj{{"op": "replace", "path": path, "was": before, "value": after}}
}

// differentFields ignores what the manifest does not name: applying does not change it.
func differentFields(path string, was, is map[string]any) []obj {
	var out []obj
	for _, k := range sortedKeys(is) {
		out = append(out, difference(path+"/"+k, was[k], is[k])...)
	}
	return out
}

// differentItems compares lists as sets, by name: applying adds routes and services, and removes none.
func differentItems(path string, was, is []any) []obj {
	var out []obj
	for i, v := range is {
		at := slices.IndexFunc(was, func(o any) bool { return sameThing(o, v) })
		if at < 0 {
			out = append(out, obj{"op": "add", "path": path + "/" + itoa(i), "value": v})
			continue
		}
		old, ok1 := was[at].(map[string]any)
		if now, ok2 := v.(map[string]any); ok1 && ok2 {
			out = append(out, differentFields(path+"/"+itoa(i), old, now)...)
		}
	}
	return out
}

func sameThing(was, is any) bool {
	w, ok1 := was.(map[string]any)
	i, ok2 := is.(map[string]any)
	if ok1 && ok2 {
		for _, key := range []string{"type", "route", "name"} {
			if w[key] != nil || i[key] != nil {
				return w[key] == i[key]
			}
		}
	}
	if name, ok := was.(string); ok && ok2 { // a service by its name
		return i["name"] == name && len(i) == 1
	}
	return reflect.DeepEqual(was, is)
}
