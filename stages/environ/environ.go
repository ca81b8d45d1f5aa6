// Package environ reads settings from environment variables: all that is
// missing or wrong is reported at once, and secrets cannot be printed.
//
// Settings are structs with go-envconfig's `env` tags. Three more tags are read
// here: `help` (one sentence), `required:"true"`, and `perstage:"true"` for a
// variable whose name ends in the environment's, such as
// DM_DATA_API_TOKEN_PREVIEW. A default may name another variable: "$STAGE".
//
// A variable that is set but empty counts as unset: Jenkins exports every
// parameter, also those left empty.
package environ

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/sethvargo/go-envconfig"
)

// Lookup finds the value of a variable, as os.LookupEnv does.
type Lookup func(name string) (string, bool)

// Problem is one setting that is missing or wrong.
type Problem struct {
	// Variable is the full name of the environment variable.
	Variable string
	// What says what is wrong with it, without its value if it is a secret.
	What string
}

func (p Problem) String() string { return p.Variable + ": " + p.What }

// Problems are all that is wrong with the settings, as one error.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return "settings: " + strings.Join(lines, "; ")
}

// Variable describes one environment variable of a settings struct.
type Variable struct {
	Name     string
	Default  string
	Help     string
	Secret   bool
	Required bool
	perStage bool
	key      string
	field    []int
}

// stageKey is the variable whose value ends the names of per-stage variables.
const stageKey = "STAGE"

// Load fills a settings struct T from the environment. The problems are all that
// is wrong with it, in the order of the fields; the struct is usable, with
// defaults in place of what is wrong, so that further checks can add to them.
func Load[T any](ctx context.Context, lookup Lookup) (T, Problems) {
	var target T
	variables := Variables(reflect.TypeOf(target), lookup)
	rec := &recorder{lookup: lookup, byKey: map[string]Variable{}, bad: map[string]bool{}}
	for _, v := range variables {
		rec.byKey[v.key] = v
	}
	problems := map[string]string{}
	for {
		target = *new(T)
		err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: &target, Lookuper: rec})
		if err == nil {
			break
		}
		v, known := rec.byKey[rec.last]
		if !known || rec.bad[rec.last] {
			return target, Problems{{rec.last, err.Error()}}
		}
		rec.bad[rec.last] = true
		problems[v.Name] = wrongValue(v, rec, target)
	}
	var all Problems
	for _, v := range variables {
		if what, is := problems[v.Name]; is {
			all = append(all, Problem{v.Name, what})
			continue
		}
		value, set := rec.Lookup(v.key)
		switch {
		case v.Required && !set:
			all = append(all, Problem{v.Name, "is not set: " + v.Help})
		case v.Secret && strings.ContainsFunc(value, unicode.IsControl):
			// A header cannot carry it (RFC 9110, 5.5), and the other side would say nothing of this variable.
			all = append(all, Problem{v.Name, "has a line break or another control character in it: " + v.Help})
		}
	}
	return target, all
}

func wrongValue(v Variable, rec *recorder, target any) string {
	kind := reflect.TypeOf(target).FieldByIndex(v.field).Type
	what := map[string]string{
		"int": "a whole number", "float64": "a number", "bool": "true or false", "time.Duration": "a duration such as 90s or 5m",
	}[kind.String()]
	if what == "" {
		what = "a " + kind.String()
	}
	if v.Secret {
		return "is not " + what
	}
	value, _ := get(rec.lookup, v.Name)
	return fmt.Sprintf("%q is not %s: %s", value, what, v.Help)
}

// Variables lists the variables of a settings struct in the order of its fields.
// The names of per-stage variables are completed from STAGE.
func Variables(t reflect.Type, lookup Lookup) []Variable { return collect(t, "", nil, lookup) }

func collect(t reflect.Type, prefix string, path []int, lookup Lookup) []Variable {
	var all []Variable
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
		at := append(append([]int(nil), path...), i)
		if f.Type.Kind() == reflect.Struct && name == "" {
			if f.IsExported() {
				all = append(all, collect(f.Type, prefix+option(options, "prefix="), at, lookup)...)
			}
			continue
		}
		if name == "" {
			continue
		}
		v := Variable{
			Name: prefix + name, key: prefix + name, Default: option(options, "default="), Help: f.Tag.Get("help"),
			Secret:   f.Type == reflect.TypeFor[Secret](),
			Required: f.Tag.Get("required") == "true",
			perStage: f.Tag.Get("perstage") == "true", field: at,
		}
		if v.perStage {
			v.Name += "_" + stageSuffix(lookup)
		}
		all = append(all, v)
	}
	return all
}

func notInName(r rune) bool {
	return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

func option(options, name string) string {
	_, value, _ := strings.Cut(options, name)
	return strings.TrimSpace(value)
}

// stageSuffix is unknown where STAGE cannot end a variable's name, as the words of
// a form that nobody filled in cannot.
func stageSuffix(lookup Lookup) string {
	if stage, ok := get(lookup, stageKey); ok && !strings.ContainsFunc(stage, notInName) {
		return strings.ToUpper(strings.ReplaceAll(stage, "-", "_"))
	}
	return "<STAGE>"
}

// get treats a variable that is set but empty as unset.
func get(lookup Lookup, name string) (string, bool) {
	value, ok := lookup(name)
	return value, ok && value != ""
}

// recorder remembers which variable was asked for last, because go-envconfig
// stops at the first value that it cannot decode, and names only the field.
type recorder struct {
	lookup Lookup
	byKey  map[string]Variable
	bad    map[string]bool
	last   string
}

func (r *recorder) Lookup(key string) (string, bool) {
	r.last = key
	if r.bad[key] {
		return "", false
	}
	if v, known := r.byKey[key]; known {
		return get(r.lookup, v.Name)
	}
	return get(r.lookup, key)
}

// Setting is a variable with its effective value, for people to read.
type Setting struct {
	Variable
	// Value is redacted if it is a secret.
	Value string
	// Source is "environment", "default" or "not set".
	Source string
}

// Effective lists every variable of a settings struct with its value and where
// that comes from.
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

// Secrets lists the values of all secrets of a settings struct that are set, for a
// Redactor, and the logins in addresses such as https://TOKEN@example.com.
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

// loginIn is what stands before the host of an address, as it is written there
// (RFC 3986, 3.2.1); "" where the text is no address, or has none.
func loginIn(text string) string {
	_, rest, is := strings.Cut(text, "://")
	if !is {
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
