package cloudfoundry

import "github.com/cloudfoundry/go-cfclient/v3/resource"

// relationTo returns the JSON of a relationship to one object.
func relationTo(guid string) map[string]any {
	return map[string]any{"data": map[string]any{"guid": guid}}
}

func guidOf(r *resource.Relationship) string {
	if r == nil {
		return ""
	}
	return r.GUID
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func convert[T, U any](in []T, f func(T) U) []U {
	out := make([]U, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}
