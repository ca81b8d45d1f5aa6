package platform

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// processChange is the part of a manifest about one process.
type processChange struct {
	kind              string
	scale             scaleBody
	command           *string
	health, readiness map[string]any // the part of the key after health-check-
	timeout           *int
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
