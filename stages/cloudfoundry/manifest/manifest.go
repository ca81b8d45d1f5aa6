// Package manifest edits Cloud Foundry app manifests of one app, as the platform
// generates them (GET /v3/apps/:guid/manifest), without losing what it does not
// know: keys that came with a newer platform stay as they are.
package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Manifest is one app's manifest.
type Manifest struct {
	doc yaml.Node
	app *yaml.Node
}

// Service is one entry of services.
type Service struct {
	Name        string         `yaml:"name"`
	BindingName string         `yaml:"binding_name,omitempty"`
	Parameters  map[string]any `yaml:"parameters,omitempty"`
}

// Parse reads a manifest, which must hold one app.
func Parse(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := yaml.Unmarshal(text, &m.doc); err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if m.doc.Kind != yaml.DocumentNode || len(m.doc.Content) != 1 {
		return nil, errors.New("the manifest is empty")
	}
	apps := value(m.doc.Content[0], "applications")
	if apps == nil || len(apps.Content) != 1 || apps.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the manifest does not hold exactly one app")
	}
	m.app = apps.Content[0]
	return m, nil
}

// Bytes writes the manifest.
func (m *Manifest) Bytes() ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&m.doc); err != nil {
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	return out.Bytes(), nil
}

// Has tells whether the app has a key, such as no-route.
func (m *Manifest) Has(key string) bool { return value(m.app, key) != nil }

// Drop removes keys of the app.
func (m *Manifest) Drop(keys ...string) {
	for _, key := range keys {
		remove(m.app, key)
	}
}

// Name is the app's name.
func (m *Manifest) Name() string {
	if n := value(m.app, "name"); n != nil {
		return n.Value
	}
	return ""
}

// SetName names the app.
func (m *Manifest) SetName(name string) error { return m.set("name", name) }

// SetRoutes replaces the routes.
func (m *Manifest) SetRoutes(addresses ...string) error {
	routes := make([]map[string]string, len(addresses))
	for i, a := range addresses {
		routes[i] = map[string]string{"route": a}
	}
	return m.set("routes", routes)
}

// SetServices replaces the services.
func (m *Manifest) SetServices(services []Service) error { return m.set("services", services) }

// SetImage sets the docker image, and its user if there is one. A password never
// goes into a manifest.
func (m *Manifest) SetImage(image, user string) error {
	docker := map[string]string{"image": image}
	if user != "" {
		docker["username"] = user
	}
	return m.set("docker", docker)
}

// SetEnv sets one variable and leaves the others.
func (m *Manifest) SetEnv(name, text string) error {
	env := value(m.app, "env")
	if env == nil || env.Kind != yaml.MappingNode {
		return m.set("env", map[string]string{name: text})
	}
	return put(env, name, text)
}

// DropEnv removes one variable.
func (m *Manifest) DropEnv(name string) {
	if env := value(m.app, "env"); env != nil {
		remove(env, name)
	}
}

// Env returns the variables.
func (m *Manifest) Env() map[string]string {
	all := map[string]string{}
	if env := value(m.app, "env"); env != nil {
		for i := 0; i+1 < len(env.Content); i += 2 {
			all[env.Content[i].Value] = env.Content[i+1].Value
		}
	}
	return all
}

// DropMetadata removes the labels and annotations whose key begins with prefix:
// a manifest generated from one app would hand its marks to the next.
func (m *Manifest) DropMetadata(prefix string) {
	meta := value(m.app, "metadata")
	if meta == nil {
		return
	}
	for _, part := range []string{"labels", "annotations"} {
		kind := value(meta, part)
		if kind == nil {
			continue
		}
		for i := 0; i+1 < len(kind.Content); {
			if strings.HasPrefix(kind.Content[i].Value, prefix) {
				kind.Content = slices.Delete(kind.Content, i, i+2)
				continue
			}
			i += 2
		}
		if len(kind.Content) == 0 {
			remove(meta, part)
		}
	}
	if len(meta.Content) == 0 {
		remove(m.app, "metadata")
	}
}

// Covers tells whether this manifest, which the platform generated, already has
// all that want asks for, but for the keys that are left out. It may have more.
// The second result says what is missing, without values, which may be secret.
func (m *Manifest) Covers(want *Manifest, leaveOut ...string) (bool, string) {
	var have, wanted map[string]any
	if m.app.Decode(&have) != nil || want.app.Decode(&wanted) != nil {
		return false, "it cannot be read"
	}
	for _, key := range leaveOut {
		delete(wanted, key)
	}
	missing := lacks(have, wanted, "")
	return missing == "", missing
}

// lacks returns the path of the first thing in want that have has not, or "".
func lacks(have, want any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return at
		}
		for _, key := range sortedKeys(w) {
			if missing := lacks(h[key], w[key], at+"/"+key); missing != "" {
				return missing
			}
		}
		return ""
	case []any:
		h, _ := have.([]any)
		for i, one := range w {
			if !slices.ContainsFunc(h, func(other any) bool { return lacks(other, one, "/") == "" }) {
				return fmt.Sprintf("%s/%d", at, i)
			}
		}
		return ""
	}
	if fmt.Sprint(have) == fmt.Sprint(want) {
		return ""
	}
	return at
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (m *Manifest) set(key string, v any) error { return put(m.app, key, v) }

func put(mapping *yaml.Node, key string, v any) error {
	var node yaml.Node
	if err := node.Encode(v); err != nil {
		return fmt.Errorf("set %s in the manifest: %w", key, err)
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = &node
			return nil
		}
	}
	name := &yaml.Node{Kind: yaml.ScalarNode, Value: key}
	mapping.Content = append(mapping.Content, name, &node)
	return nil
}

func value(mapping *yaml.Node, key string) *yaml.Node {
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func remove(mapping *yaml.Node, key string) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content = slices.Delete(mapping.Content, i, i+2)
			return
		}
	}
}
