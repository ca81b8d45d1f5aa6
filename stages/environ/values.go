package environ

import (
	"context"
	"fmt"
	"reflect"
)

// Value is the decoded value of one variable of a settings struct.
type Value struct {
	Name string
	// Text is the decoded value as text: "1m0s" for both 60s and 1m0s.
	Text string
	// Default reports whether the value equals the default.
	Default bool
}

// Values lists the values of a loaded settings struct in the order of its fields,
// without secrets. stage is the value of STAGE that defaults may contain.
func Values[T any](settings T, stage string) []Value {
	onlyStage := func(name string) (string, bool) {
		if name == stageKey {
			return stage, true
		}
		return "", false
	}
	defaults, _ := Load[T](context.Background(), onlyStage)
	now, unset := reflect.ValueOf(settings), reflect.ValueOf(defaults)
	var all []Value
	for _, v := range Variables(now.Type(), onlyStage) {
		if v.Secret {
			continue
		}
		text, standard := fmt.Sprint(now.FieldByIndex(v.field)), fmt.Sprint(unset.FieldByIndex(v.field))
		all = append(all, Value{Name: v.Name, Text: text, Default: text == standard})
	}
	return all
}
