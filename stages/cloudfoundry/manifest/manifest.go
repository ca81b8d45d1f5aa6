// Package manifest edits a Cloud Foundry manifest of one app, as the platform generates
// it (GET /v3/apps/:guid/manifest). Keys that the package does not know, such as those
// of a newer platform, stay as they are.
package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Manifest is the manifest of one app.
type Manifest struct {
	doc yaml.Node
	app *yaml.Node
}

// Service is one entry in the manifest's services.
type Service struct {
	Name        string         `yaml:"name"`
	BindingName string         `yaml:"binding_name,omitempty"`
	Parameters  map[string]any `yaml:"parameters,omitempty"`
}

// Parse reads a manifest, which must have exactly one app.
func Parse(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := yaml.Unmarshal(text, &m.doc); err != nil {
		return nil, fmt.Errorf("parse the manifest: %w", err)
	}
	if m.doc.Kind != yaml.DocumentNode || len(m.doc.Content) != 1 {
		return nil, errors.New("the manifest is empty")
	}
	apps := value(m.doc.Content[0], "applications")
	if apps == nil || len(apps.Content) != 1 || apps.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the manifest does not have exactly one app")
	}
	m.app = apps.Content[0]
	quoteOdd(m.app)
	if env := value(m.app, "env"); env != nil {
		for i := 1; i < len(env.Content); i += 2 {
			quote(env.Content[i])
		}
	}
	return m, nil
}

// quoteOdd puts texts with line breaks, tabs or letters beyond ASCII between double
// quotes. The encoder writes some of them as blocks that no parser reads back.
func quoteOdd(node *yaml.Node) {
	odd := func(r rune) bool { return r < ' ' || r > '~' }
	if node.Kind == yaml.ScalarNode && strings.ContainsFunc(node.Value, odd) {
		quote(node)
	}
	for _, one := range node.Content {
		quoteOdd(one)
	}
}

// quote puts a text between double quotes, so that every parser reads the same text:
// the platform's takes on for true, 0123 for 83 and 1,000 for 1000 (YAML 1.1).
func quote(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() != "!!null" {
		node.Tag, node.Style = "!!str", yaml.DoubleQuotedStyle
	}
}

// Bytes returns the manifest as YAML.
func (m *Manifest) Bytes() ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&m.doc); err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return out.Bytes(), nil
}

// Has reports whether the app has a key, such as no-route.
func (m *Manifest) Has(key string) bool { return value(m.app, key) != nil }

// Drop removes keys from the app.
func (m *Manifest) Drop(keys ...string) {
	for _, key := range keys {
		remove(m.app, key)
	}
}

// Name returns the app's name, or "".
func (m *Manifest) Name() string {
	if n := value(m.app, "name"); n != nil {
		return n.Value
	}
	return ""
}

// SetName sets the app's name.
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

// SetImage sets the docker image, and the registry's user if there is one. The
// password never goes into a manifest.
func (m *Manifest) SetImage(image, user string) error {
	docker := map[string]string{"image": image}
	if user != "" {
		docker["username"] = user
	}
	return m.set("docker", docker)
}

// SetEnv sets one variable and leaves the others as they are.
func (m *Manifest) SetEnv(name, text string) error {
	env := value(m.app, "env")
	if env == nil || env.Kind != yaml.MappingNode {
		if err := m.set("env", map[string]string{}); err != nil {
			return err
		}
		env = value(m.app, "env")
		env.Style = 0
	}
	// The encoder fails on some texts.
	replace(env, name, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text})
	return nil
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

// DropMetadata removes the labels and annotations whose key begins with prefix. A
// manifest that was generated from one app would copy them to the other.
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

// Covers reports whether this manifest, generated by the platform, has everything that
// want has, except for the ignored keys. It may have more.
func (m *Manifest) Covers(want *Manifest, ignored ...string) bool {
	var have, wanted map[string]any
	if m.app.Decode(&have) != nil || want.app.Decode(&wanted) != nil {
		return false
	}
	for _, key := range ignored {
		delete(wanted, key)
	}
	return covers(have, wanted)
}

// covers compares decoded YAML. The order of a list does not matter. Scalars are
// compared as text: 1 covers "1".
func covers(have, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for key, value := range w {
			if !covers(h[key], value) {
				return false
			}
		}
		return true
	case []any:
		h, _ := have.([]any)
		for _, wanted := range w {
			if !slices.ContainsFunc(h, func(item any) bool { return covers(item, wanted) }) {
				return false
			}
		}
		return true
	}
	return fmt.Sprint(have) == fmt.Sprint(want)
}

func (m *Manifest) set(key string, v any) error { return put(m.app, key, v) }

func put(mapping *yaml.Node, key string, v any) error {
	var node yaml.Node
	if err := node.Encode(v); err != nil {
		return fmt.Errorf("set %s in the manifest: %w", key, err)
	}
	quoteOdd(&node)
	replace(mapping, key, &node)
	return nil
}

func replace(mapping *yaml.Node, key string, node *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = node
			return
		}
	}
	name := &yaml.Node{Kind: yaml.ScalarNode, Value: key}
	mapping.Content = append(mapping.Content, name, node)
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
