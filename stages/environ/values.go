package environ

import (
	"context"
	"fmt"
	"reflect"
)

// Value is what one variable of a settings struct is.
type Value struct {
	Name string
	// Text is the value as the program understood it, so that 60s and 1m0s are one.
	Text string
	// Default tells that it is what it would be if nobody had set it.
	Default bool
}

// Values lists what the variables of a loaded settings struct are, in the order of
// its fields, without those that are secrets. stage is the STAGE that defaults may
// name.
func Values[T any](settings T, stage string) []Value {
	only := func(name string) (string, bool) {
		if name == stageKey {
			return stage, true
		}
		return "", false
	}
	unset, _ := Load[T](context.Background(), only)
	now, standard := reflect.ValueOf(settings), reflect.ValueOf(unset)
	var all []Value
	for _, v := range Variables(now.Type(), only) {
		if v.Secret {
			continue
		}
		text, other := fmt.Sprint(now.FieldByIndex(v.field)), fmt.Sprint(standard.FieldByIndex(v.field))
		all = append(all, Value{Name: v.Name, Text: text, Default: text == other})
	}
	return all
}
