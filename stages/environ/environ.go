// Package environ reads settings from environment variables. It reports everything
// that is missing or wrong at once, and keeps secrets from being printed.
//
// Settings are structs with go-envconfig's `env` tags. This package adds three tags:
// `help` (one sentence), `required:"true"`, and `perstage:"true"` for a variable whose
// name ends in the name of the environment, such as DM_DATA_API_TOKEN_PREVIEW. A
// default may contain another variable: "$STAGE".
//
// A variable that is set but empty counts as unset, because Jenkins exports every
// parameter, including empty ones.
package environ

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/sethvargo/go-envconfig"
)

// Lookup returns the value of a variable, like os.LookupEnv.
type Lookup func(name string) (string, bool)

// Problem is one setting that is missing or wrong.
type Problem struct {
	// Variable is the full name of the environment variable.
	Variable string
	// What describes the problem: "is not set". It never contains a secret.
	What string
}

func (p Problem) String() string { return p.Variable + ": " + p.What }

// Problems is everything that is wrong with the settings, as one error.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
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
	// key is the name in the env tag: Name without the suffix of a per-stage variable.
	key string
	// field is the path of the field in the struct.
	field []int
}

// stageKey is the variable that names the environment, such as "preview". Its value is the
// suffix of per-stage variables.
const stageKey = "STAGE"

// Load fills a settings struct T from the environment. It returns all problems, in the
// order of the fields. The struct is usable even then, with defaults in place of wrong
// values, so that further checks can add to the problems.
func Load[T any](ctx context.Context, lookup Lookup) (T, Problems) {
	var target T
	variables := Variables(reflect.TypeOf(target), lookup)
	rec := &recorder{lookup: lookup, byKey: map[string]Variable{}, bad: map[string]bool{}}
	for _, v := range variables {
		rec.byKey[v.key] = v
	}
	wrong := map[string]string{}
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
		wrong[v.Name] = wrongValue(v, rec, target)
	}
	return target, problems(variables, rec, wrong)
}

// problems lists what is wrong in the order of the variables; wrong has the problems
// of the values that could not be decoded.
func problems(variables []Variable, rec *recorder, wrong map[string]string) Problems {
	var all Problems
	for _, v := range variables {
		if what, found := wrong[v.Name]; found {
			all = append(all, Problem{v.Name, what})
			continue
		}
		value, set := rec.Lookup(v.key)
		switch {
		case v.Required && !set:
			all = append(all, Problem{v.Name, "is not set: " + v.Help})
		case v.Secret && strings.ContainsFunc(value, unicode.IsControl):
			// A header cannot contain it (RFC 9110, 5.5), and the error of the request
			// would not name this variable.
			all = append(all, Problem{v.Name, "contains a line break or another control character: " + v.Help})
		}
	}
	return all
}

// wrongValue describes a value that could not be decoded into its field.
func wrongValue(v Variable, rec *recorder, target any) string {
	kind := reflect.TypeOf(target).FieldByIndex(v.field).Type
	what := cmp.Or(map[string]string{
		"int": "a whole number", "float64": "a number", "bool": "true or false", "time.Duration": "a duration such as 90s or 5m",
	}[kind.String()], "a "+kind.String())
	if v.Secret {
		return "is not " + what
	}
	value, _ := get(rec.lookup, v.Name)
	return fmt.Sprintf("%q is not %s: %s", value, what, v.Help)
}

// Variables lists the variables of a settings struct in the order of its fields. The
// names of per-stage variables end in the value of STAGE.
func Variables(t reflect.Type, lookup Lookup) []Variable { return collect(t, "", nil, lookup) }

func collect(t reflect.Type, prefix string, path []int, lookup Lookup) []Variable {
	var all []Variable
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
		at := append(slices.Clone(path), i)
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
			field:    at,
		}
		if f.Tag.Get("perstage") == "true" {
			v.Name += "_" + stageSuffix(lookup)
		}
		all = append(all, v)
	}
	return all
}

func option(options, name string) string {
	_, value, _ := strings.Cut(options, name)
	return strings.TrimSpace(value)
}

// stageSuffix returns the suffix of per-stage variables. It is "<STAGE>" if STAGE is not
// set, or cannot be part of a name, like the placeholder text of a form.
func stageSuffix(lookup Lookup) string {
	if stage, ok := get(lookup, stageKey); ok && !strings.ContainsFunc(stage, invalidInName) {
		return strings.ToUpper(strings.ReplaceAll(stage, "-", "_"))
	}
	return "<STAGE>"
}

func invalidInName(r rune) bool {
	return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// get treats a variable that is set but empty as unset.
func get(lookup Lookup, name string) (string, bool) {
	value, ok := lookup(name)
	return value, ok && value != ""
}

// recorder is a lookup that remembers which variable was read last: go-envconfig stops at
// the first value that it cannot decode, and its error names only the field. Variables in
// bad count as unset.
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
