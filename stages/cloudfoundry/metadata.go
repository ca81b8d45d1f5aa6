package cloudfoundry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Metadata holds the labels and annotations of an object. Labels can be searched
// for; their values have at most 63 characters, of a restricted set. Annotations
// cannot be searched for; their values have at most 5,000 characters, of any kind
// (CC API: Metadata).
type Metadata struct {
	Labels      map[string]string
	Annotations map[string]string
}

// Run returns the ID of the run that created the object, or "".
func (m Metadata) Run() string { return m.Labels[RunLabel] }

func metadataOf(m *resource.Metadata) Metadata {
	if m == nil {
		return Metadata{Labels: map[string]string{}, Annotations: map[string]string{}}
	}
	return Metadata{Labels: withoutNil(m.Labels), Annotations: withoutNil(m.Annotations)}
}

func withoutNil(in map[string]*string) map[string]string {
	out := make(map[string]string, len(in))
	for k, v := range in {
		if v != nil {
			out[k] = *v
		}
	}
	return out
}

// Kind is a kind of object that has metadata, as named in the paths of the API.
type Kind string

// The kinds that a Space Developer may label.
const (
	AppKind             Kind = "apps"
	RouteKind           Kind = "routes"
	ServiceInstanceKind Kind = "service_instances"
)

// metadataPatch is the JSON of an update; a nil value deletes the key.
type metadataPatch struct {
	Labels      map[string]*string `json:"labels,omitempty"`
	Annotations map[string]*string `json:"annotations,omitempty"`
}

func newMetadata(labels, annotations map[string]string) *metadataPatch {
	if len(labels) == 0 && len(annotations) == 0 {
		return nil
	}
	return &metadataPatch{pointers(labels), pointers(annotations)}
}

func pointers(in map[string]string) map[string]*string {
	out := make(map[string]*string, len(in))
	for k, v := range in {
		out[k] = &v
	}
	return out
}

// SetMetadata sets the given labels and annotations and leaves all others as they
// are; nil deletes a key (CC API: Metadata).
func (c *Space) SetMetadata(ctx context.Context, kind Kind, guid string, labels, annotations map[string]*string) error {
	patch := metadataPatch{labels, annotations}
	path := fmt.Sprintf("/v3/%s/%s", kind, guid)
	err := c.patch(ctx, path, map[string]any{"metadata": patch}, func(now object) bool {
		m := metadataOf(now.Metadata)
		return hasAll(m.Labels, labels) && hasAll(m.Annotations, annotations)
	})
	if err != nil {
		return fmt.Errorf("label %s %s: %w", kind, guid, err)
	}
	return nil
}

// hasAll reports whether current has the wanted values, and none of the keys whose
// wanted value is nil.
func hasAll(current map[string]string, want map[string]*string) bool {
	for k, v := range want {
		value, found := current[k]
		if found != (v != nil) || found && value != *v {
			return false
		}
	}
	return true
}

// object has the fields that the kinds of objects have in common.
type object struct {
	Name     string             `json:"name"`
	Metadata *resource.Metadata `json:"metadata"`
	// LastOperation is set on service instances and bindings only.
	LastOperation resource.LastOperation `json:"last_operation"`
}

// deleting reports whether a deletion is in progress.
func (o object) deleting() bool {
	last := operationOf(o.LastOperation)
	return last.Type == "delete" && !last.Ended()
}

// patch sends an update that contains only the fields to change, and waits for its
// job if there is one. If it is not known whether the update was carried out, the
// object is read, and done decides by its current state.
func (c *Space) patch(ctx context.Context, path string, body any, done func(object) bool) error {
	job, err := c.client.write(ctx, http.MethodPatch, path, body, nil)
	if err == nil {
		return c.client.waitForJob(ctx, job)
	}
	if !isAmbiguous(err) {
		return err
	}
	var now object
	if c.client.get(ctx, path, nil, &now) == nil && done(now) {
		return nil
	}
	return err
}

// hasRun is an object with a run label.
type hasRun interface{ Run() string }

// create creates an object with post. If the name is taken, or it is not known
// whether post was carried out, it returns the existing object that find returns,
// provided that its run label is the one in labels.
func create[T hasRun](ctx context.Context, labels map[string]string, post func() (*T, error), find func(context.Context) (*T, error)) (*T, error) {
	created, err := post()
	if err == nil {
		return created, nil
	}
	taken := IsNameTaken(err)
	if !taken && !isAmbiguous(err) {
		return nil, err
	}
	existing, readErr := find(ctx)
	switch {
	case readErr != nil:
		return nil, errors.Join(err, fmt.Errorf("check whether it was created: %w", readErr))
	case existing == nil:
		return nil, err
	case labels[RunLabel] != "" && (*existing).Run() == labels[RunLabel]:
		return existing, nil
	case taken:
		return nil, runner.Refuse("the name is taken by an object that this run did not create (%s): %w", creator(*existing), err)
	}
	return nil, err
}

func creator(o hasRun) string {
	if run := o.Run(); run != "" {
		return "run " + run + " created it"
	}
	return "it has no label " + RunLabel
}
