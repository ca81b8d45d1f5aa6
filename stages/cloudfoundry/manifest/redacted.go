package manifest

import "slices"

// Redacted returns the manifest as text, with "***" in place of the values of all
// variables except the named ones, and without the parameters of services. An app's
// variables include its tokens and keys, and a variable's name does not show whether it
// is one.
func (m *Manifest) Redacted(except ...string) (string, error) {
	text, err := m.Bytes()
	if err != nil {
		return "", err
	}
	redacted, err := Parse(text)
	if err != nil {
		return "", err
	}
	if env := value(redacted.app, "env"); env != nil {
		for i := 0; i+1 < len(env.Content); i += 2 {
			if !slices.Contains(except, env.Content[i].Value) {
				env.Content[i+1].SetString("***")
			}
		}
	}
	if services := value(redacted.app, "services"); services != nil {
		for _, service := range services.Content {
			remove(service, "parameters")
		}
	}
	out, err := redacted.Bytes()
	return string(out), err
}
