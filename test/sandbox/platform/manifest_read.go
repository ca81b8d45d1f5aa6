package platform

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// manifest is one application of a manifest.
type manifest struct {
	name                               string
	raw                                map[string]any
	docker                             map[string]any
	env                                map[string]*string
	metadata                           metadata
	features                           map[string]bool
	processes                          []processChange
	sidecars                           []sidecarChange
	lifecycleData                      lifecycleChange
	routes                             []manifestRoute
	noRoute, randomRoute, defaultRoute bool
	services                           []manifestService
}

type manifestRoute struct {
	route, protocol string
	options         obj
}

type manifestService struct {
	name        string
	bindingName *string
	parameters  json.RawMessage
}

func (m *manifest) lifecycle() string {
	if m.docker != nil || m.raw["lifecycle"] == "docker" {
		return "docker"
	}
	return "buildpack"
}

// readManifest checks one application. Unknown keys are ignored, as in reality.
func readManifest(raw map[string]any) (*manifest, []string) {
	m := &manifest{raw: raw, env: map[string]*string{}, features: map[string]bool{}}
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	m.name, _ = raw["name"].(string)
	if m.name == "" {
		add("Name must not be empty")
	}
	if v, ok := raw["docker"]; ok {
		if m.docker, ok = v.(map[string]any); !ok {
			add("Docker must be an object")
		}
		if raw["buildpacks"] != nil || raw["buildpack"] != nil {
			add("Cannot specify both buildpack(s) and docker keys")
		}
	}
	m.readLifecycleData(add)
	m.readSidecars(add)
	m.readEnv(add)
	m.readMetadata(add)
	m.readRoutes(add)
	m.readServices(add)
	if features, ok := raw["features"].(map[string]any); ok {
		for k, v := range features {
			on, _ := v.(bool)
			m.features[k] = on
		}
	}
	top := readProcess("web", raw, add)
	list, _ := raw["processes"].([]any)
	for _, one := range list {
		fields, _ := one.(map[string]any)
		kind, _ := fields["type"].(string)
		if kind == "" {
			add("All Processes must specify a 'type' field")
			continue
		}
		m.processes = append(m.processes, readProcess(kind, fields, add))
		if kind == "web" {
			top.kind = ""
		}
	}
	if top.kind != "" {
		m.processes = append(m.processes, top)
	}
	return m, problems
}

func (m *manifest) readLifecycleData(add func(string, ...any)) {
	list, ok := m.raw["buildpacks"].([]any)
	if m.raw["buildpacks"] != nil && !ok {
		add("Buildpacks must be an array")
	}
	if one := m.raw["buildpack"]; one != nil {
		list = []any{one}
	}
	for _, one := range list {
		m.lifecycleData.Buildpacks = append(m.lifecycleData.Buildpacks, fmt.Sprint(one))
	}
	if stack, ok := m.raw["stack"].(string); ok {
		m.lifecycleData.Stack = &stack
	}
}

func (m *manifest) readEnv(add func(string, ...any)) {
	env, ok := m.raw["env"].(map[string]any)
	if m.raw["env"] != nil && !ok {
		add("Env must be an object of keys and values")
	}
	for k, v := range env {
		switch {
		case strings.HasPrefix(strings.ToUpper(k), "VCAP_"):
			add("Env cannot start with VCAP_")
		case strings.EqualFold(k, "PORT"):
			add("Env cannot set PORT")
		case v == nil:
			m.env[k] = nil
		default:
			m.env[k] = ptr(envText(v))
		}
	}
}

// envText converts values that are not strings to JSON.
func envText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func (m *manifest) readMetadata(add func(string, ...any)) {
	if m.raw["metadata"] == nil {
		return
	}
	b, err := json.Marshal(textual(m.raw["metadata"]))
	if err != nil {
		add("Metadata must be an object")
		return
	}
	if m.metadata, err = readMetadata(b); err != nil {
		add("%s", err.Error())
	}
}

// textual turns scalars into strings: YAML may read an unquoted label as a number or a boolean.
func textual(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, one := range v {
			out[k] = textual(one)
		}
		return out
	case nil:
		return nil
	case string:
		return v
	}
	return fmt.Sprint(v)
}

// routeFormat is the format of a route in a manifest (ccng: lib/cloud_controller/app_manifest/manifest_route.rb).
var routeFormat = regexp.MustCompile(`^(?:https?://|tcp://)?(\*\.)?[\w\-]+(\.[\w\-]+)+(:\d+)?(/[^?#]*)?$`)

func (m *manifest) readRoutes(add func(string, ...any)) {
	m.noRoute, _ = m.raw["no-route"].(bool)
	m.randomRoute, _ = m.raw["random-route"].(bool)
	m.defaultRoute, _ = m.raw["default-route"].(bool)
	if m.randomRoute && m.defaultRoute {
		add("Random-route and default-route may not be used together")
	}
	list, ok := m.raw["routes"].([]any)
	if m.raw["routes"] != nil && !ok {
		add("Routes must be a list of route objects")
	}
	for _, one := range list {
		fields, _ := one.(map[string]any)
		url, _ := fields["route"].(string)
		if !routeFormat.MatchString(url) {
			add("The route '%s' is not a properly formed URL", url)
			continue
		}
		protocol, _ := fields["protocol"].(string)
		if protocol != "" && protocol != "http1" && protocol != "http2" && protocol != "tcp" {
			add("Route protocol must be 'http1', 'http2' or 'tcp'.")
		}
		options, _ := fields["options"].(map[string]any)
		url = strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://")
		m.routes = append(m.routes, manifestRoute{url, protocol, options})
	}
}

func (m *manifest) readServices(add func(string, ...any)) {
	list, ok := m.raw["services"].([]any)
	if m.raw["services"] != nil && !ok {
		add("Services must be a list of service instances")
	}
	for _, one := range list {
		switch v := one.(type) {
		case string:
			m.services = append(m.services, manifestService{name: v})
		case map[string]any:
			s := manifestService{}
			s.name, _ = v["name"].(string)
			if name, ok := v["binding_name"].(string); ok {
				s.bindingName = &name
			}
			if v["parameters"] != nil {
				s.parameters, _ = json.Marshal(v["parameters"])
			}
			m.services = append(m.services, s)
		default:
			add("Service binding name must be a string")
		}
	}
}
