package platform

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
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

// processChange is the part of a manifest about one process.
type processChange struct {
	kind              string
	scale             scaleBody
	command           *string
	health, readiness map[string]any // the part of the key after health-check-
	timeout           *int
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

func readProcess(kind string, fields map[string]any, add func(string, ...any)) processChange {
	change := processChange{kind: kind, health: map[string]any{}, readiness: map[string]any{}}
	whole := func(key string) *int {
		v, ok := fields[key]
		if !ok || v == nil {
			return nil
		}
		n, ok := v.(int)
		if !ok || n < 0 {
			add("Process %q: %s must be a number greater than or equal to 0", kind, capital(strings.ReplaceAll(key, "-", "_")))
			return nil
		}
		return &n
	}
	size := func(keys ...string) *int {
		for _, key := range keys {
			if v, ok := fields[key]; ok && v != nil {
				n, problem := megabytes(fmt.Sprint(v))
				if problem != "" {
					add("Process %q: %s %s", kind, capital(strings.ReplaceAll(key, "-", "_")), problem)
					return nil
				}
				return &n
			}
		}
		return nil
	}
	change.scale = scaleBody{Instances: whole("instances"), Memory: size("memory"), Disk: size("disk_quota", "disk-quota")}
	change.timeout = whole("timeout")
	if s, ok := fields["command"].(string); ok && s != "" && s != "null" && s != "default" {
		change.command = &s
	}
	for k, v := range fields {
		if rest, ok := strings.CutPrefix(k, "readiness-health-check-"); ok {
			change.readiness[rest] = v
		} else if rest, ok := strings.CutPrefix(k, "health-check-"); ok {
			change.health[rest] = v
		}
	}
	if kind, ok := change.health["type"]; ok && change.health["http-endpoint"] != nil && kind != "http" {
		add("Health check type must be \"http\" to set a health check HTTP endpoint.")
	}
	return change
}

var sizeFormat = regexp.MustCompile(`(?i)^(\d+)\s*(B|K|KB|M|MB|G|GB|T|TB)$`)

// megabytes reads "512M" or "1GB" (ccng: lib/cloud_controller/app_manifest/byte_converter.rb).
func megabytes(s string) (int, string) {
	m := sizeFormat.FindStringSubmatch(s)
	if m == nil {
		return 0, "must use a supported unit: B, K, KB, M, MB, G, GB, T, or TB"
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, "is not a number"
	}
	switch strings.ToUpper(m[2])[0] {
	case 'B':
		return n >> 20, ""
	case 'K':
		return n >> 10, ""
	case 'G':
		return n << 10, ""
	case 'T':
		return n << 20, ""
	}
	return n, ""
}

// update changes everything but instances, memory and disk.
func (change processChange) update(v *process) {
	if change.command != nil {
		v.command = change.command
	}
	if change.timeout != nil {
		v.health.timeout = change.timeout
	}
	v.health = updated(v.health, change.health)
	v.readiness = updated(v.readiness, change.readiness)
}

func updated(h healthCheck, change map[string]any) healthCheck {
	if kind, ok := change["type"].(string); ok {
		if kind == "none" { // the old name of process
			kind = "process"
		}
		h.kind = kind
		if kind != "http" {
			h.endpoint = ""
		} else if h.endpoint == "" {
			h.endpoint = "/"
		}
	}
	if endpoint, ok := change["http-endpoint"].(string); ok {
		h.endpoint = endpoint
	}
	if n, ok := change["invocation-timeout"].(int); ok {
		h.invocation = &n
	}
	if n, ok := change["interval"].(int); ok {
		h.interval = &n
	}
	return h
}
