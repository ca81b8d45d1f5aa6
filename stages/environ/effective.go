package environ

import (
	"reflect"
	"strings"
)

// Setting is a variable with its effective value, for display.
type Setting struct {
	Variable
	// Value is "***" for a secret.
	Value string
	// Source is "environment", "default" or "not set".
	Source string
}

// Effective lists every variable of a settings struct with its value and the source of
// the value.
func Effective(t reflect.Type, lookup Lookup) []Setting {
	var all []Setting
	for _, v := range Variables(t, lookup) {
		s := Setting{Variable: v, Source: "environment"}
		value, set := get(lookup, v.Name)
		switch {
		case set && v.Secret:
			s.Value = redacted
		case set:
			s.Value = withoutLogin(value)
		case v.Default != "":
			s.Value, s.Source = expand(v.Default, lookup), "default"
		default:
			s.Source = "not set"
		}
		all = append(all, s)
	}
	return all
}

func expand(text string, lookup Lookup) string {
	if stage, ok := get(lookup, stageKey); ok {
		text = strings.ReplaceAll(text, "$"+stageKey, stage)
	}
	return text
}

// Secrets lists, for a Redactor, the values of the secrets in a settings struct, and the
// credentials in URLs such as https://TOKEN@example.com.
func Secrets(t reflect.Type, lookup Lookup) []string {
	var all []string
	for _, v := range Variables(t, lookup) {
		value, set := get(lookup, v.Name)
		if !set {
			continue
		}
		if v.Secret {
			all = append(all, value)
		} else if login := loginIn(value); login != "" {
			name, password, _ := strings.Cut(login, ":")
			all = append(all, login, password)
			if password == "" || password == "x-oauth-basic" {
				all = append(all, name)
			}
		}
	}
	return all
}

// loginIn returns the part of a URL before the @ of its host, as it is written (RFC 3986,
// 3.2.1); "" if the text is not a URL or has no such part.
func loginIn(text string) string {
	_, rest, found := strings.Cut(text, "://")
	if !found {
		return ""
	}
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	return authority[:max(at, 0)]
}

func withoutLogin(text string) string {
	if login := loginIn(text); login != "" {
		return strings.Replace(text, login+"@", redacted+"@", 1)
	}
	return text
}
