package cloudfoundry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Metadata are the labels and annotations of an object. Labels can be searched
// for, and their values have 63 characters of a narrow set at most; annotations
// cannot, and hold 5,000 of any kind (CC API: Metadata).
type Metadata struct {
	Labels      map[string]string
	Annotations map[string]string
}

// Run is the id of the run that made the object, or "".
func (m Metadata) Run() string { return m.Labels[RunLabel] }

func metadataOf(m *resource.Metadata) Metadata {
	if m == nil {
		return Metadata{Labels: map[string]string{}, Annotations: map[string]string{}}
	}
	return Metadata{Labels: present(m.Labels), Annotations: present(m.Annotations)}
}

func present(in map[string]*string) map[string]string {
	out := make(map[string]string, len(in))
	for k, v := range in {
		if v != nil {
			out[k] = *v
		}
	}
	return out
}

// Kind is a kind of object that carries metadata: its part of the address.
type Kind string

// The kinds that a Space Developer may label.
const (
	Apps             Kind = "apps"
	Routes           Kind = "routes"
	ServiceInstances Kind = "service_instances"
)

// metadataPatch is sent as it is: a nil value deletes the key.
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

// SetMetadata sets the labels and annotations given and leaves all others; nil
// deletes a key (CC API: Metadata, "a PATCH merges").
func (c *Client) SetMetadata(ctx context.Context, kind Kind, guid string, labels, annotations map[string]*string) error {
	patch := metadataPatch{labels, annotations}
	path := fmt.Sprintf("/v3/%s/%s", kind, guid)
	err := c.change(ctx, path, map[string]any{"metadata": patch}, func(now object) bool {
		m := metadataOf(now.Metadata)
		return agree(m.Labels, labels) && agree(m.Annotations, annotations)
	})
	if err != nil {
		return fmt.Errorf("label %s %s: %w", kind, guid, err)
	}
	return nil
}

func agree(have map[string]string, want map[string]*string) bool {
	for k, v := range want {
		got, is := have[k]
		if is != (v != nil) || is && got != *v {
			return false
		}
	}
	return true
}

// object is what all objects have in common.
type object struct {
	Name     string             `json:"name"`
	Metadata *resource.Metadata `json:"metadata"`
	// LastOperation is of what a broker has a part in.
	LastOperation resource.LastOperation `json:"last_operation"`
}

// deleting tells whether a deletion is under way.
func (o object) deleting() bool {
	last := operationOf(o.LastOperation)
	return last.Type == "delete" && !last.Ended()
}

// change sends a PATCH of our own, with nothing in it but what shall change, and
// waits for its job if there is one. Where it is not known whether it was carried
// out, the object is read, and done tells by what it is now.
func (c *Client) change(ctx context.Context, path string, body any, done func(object) bool) error {
	job, err := c.write(ctx, http.MethodPatch, path, body, nil)
	if err == nil {
		return c.jobDone(ctx, job)
	}
	if !isAmbiguous(err) {
		return err
	}
	var now object
	if c.get(ctx, path, nil, &now) == nil && done(now) {
		return nil
	}
	return err
}

// made is what a create needs to know of the object that it finds.
type made interface{ Run() string }

// create makes an object, or takes the one that is there as ours if it carries
// the run label that the new one would have got.
func create[T made](ctx context.Context, labels map[string]string, post func() (*T, error), find func(context.Context) (*T, error)) (*T, error) {
	created, err := post()
	if err == nil {
		return created, nil
	}
	taken := IsNameTaken(err)
	if !taken && !isAmbiguous(err) {
		return nil, err
	}
	there, lookErr := find(ctx)
	switch {
	case lookErr != nil:
		return nil, errors.Join(err, fmt.Errorf("look whether it was made: %w", lookErr))
	case there == nil:
		return nil, err
	case labels[RunLabel] != "" && (*there).Run() == labels[RunLabel]:
		return there, nil
	case taken:
		return nil, runner.Refuse("the name is taken by something that is not ours (%s): %w", owner(*there), err)
	}
	return nil, err
}

func owner(m made) string {
	if run := m.Run(); run != "" {
		return "it is of run " + run
	}
	return "it is of no run"
}
