package platform

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

func contains(list []string, s string) bool { return slices.Contains(list, s) }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// capital is a field's name as it is in the Cloud Controller's messages: "health_check" becomes "Health check".
func capital(s string) string {
	if i := strings.LastIndex(s, "."); i >= 0 {
		s = s[i+1:]
	}
	s = strings.ReplaceAll(s, "_", " ")
	if s == "" {
		return "Body"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func article(kind string) string {
	switch kind {
	case "string":
		return "a string"
	case "int", "int64":
		return "an integer"
	case "slice":
		return "an array"
	case "bool":
		return "a boolean"
	}
	return "an object"
}

func ptr[T any](v T) *T { return &v }

// orNull is the value, or nil if it is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func toOne(guid string) obj {
	if guid == "" {
		return obj{"data": nil}
	}
	return obj{"data": obj{"guid": guid}}
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func itoa(n int) string { return strconv.Itoa(n) }

func seconds(s string) (time.Duration, bool) {
	n, err := strconv.Atoi(s)
	return time.Duration(n) * time.Second, err == nil
}
