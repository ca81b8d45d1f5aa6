package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Edit is a change to be made. Kind is one of Kinds. What the kind needs and is empty is chosen at random.
type Edit struct {
	Kind string `json:"kind"`
	// ID is the service's, the brief's or the supplier's id, or the framework's slug.
	ID string `json:"id,omitempty"`
	// Fields are what update-service sets; empty: a new description, features, benefits and price.
	Fields map[string]json.RawMessage `json:"fields,omitempty"`
	// Status is what unpublish-service (disabled, enabled) and update-framework set.
	Status string `json:"status,omitempty"`
	// Name is a supplier's new name.
	Name string `json:"name,omitempty"`
	// Supplier is the new supplier of transfer-service.
	Supplier int `json:"supplier,omitempty"`
}

// Edited is the result of an Edit.
type Edited struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	Event int    `json:"event"`
	// Index is what was done in the live index: "put", "delete", or "" for the many edits that do not change it.
	Index string `json:"index,omitempty"`
	Alias string `json:"alias,omitempty"`
	// IndexError is why the live index was not changed. The edit is made nevertheless.
	IndexError string `json:"index_error,omitempty"`
}

// ErrNothing means that there is no object to which an edit applies.
var ErrNothing = errors.New("nothing that this edit applies to")

// change is an edit of a copy of the rows: its event, and what is then written to the index.
type change struct {
	edited   Edited
	alias    string
	docType  string
	document json.RawMessage // nil: nothing is put
	remove   bool
}

type editor func(a *API, e Edit, at time.Time) (change, error)

// editors are the kinds of edits. Each is called with mu held.
func editors() map[string]editor {
	return map[string]editor{
		"publish-draft-service":      (*API).publishDraftService,
		"publish-service":            (*API).publishService,
		"unpublish-service":          (*API).unpublishService,
		"update-service":             (*API).updateService,
		"update-service-admin":       (*API).updateServiceAdmin,
		"transfer-service":           (*API).transferService,
		"rename-supplier":            (*API).renameSupplier,
		"update-framework":           (*API).updateFramework,
		"create-brief":               (*API).createBrief,
		"delete-brief":               (*API).deleteBrief,
		"publish-brief":              (*API).publishBrief,
		"withdraw-brief":             (*API).withdrawBrief,
		"cancel-brief":               (*API).cancelBrief,
		"unsuccessful-brief":         (*API).unsuccessfulBrief,
		"pend-brief-award":           (*API).pendBriefAward,
		"award-brief":                (*API).awardBrief,
		"add-clarification-question": (*API).addQuestion,
	}
}

// Kinds are the kinds of edits.
func Kinds() []string { return slices.Sorted(maps.Keys(editors())) }

// Do makes one edit: the row and its audit event become visible together, at most CommitLag after the event's createdAt;
// then the live index is written, if this kind of edit does that. If that fails, the edit takes nine seconds more (scaled),
// the failure is logged, and the edit succeeds nevertheless.
// An error means that the edit cannot be made, and that nothing has changed.
func (a *API) Do(ctx context.Context, e Edit) (Edited, error) {
	apply, ok := editors()[e.Kind]
	if !ok {
		return Edited{}, fmt.Errorf("edit of kind %q: there are only %v", e.Kind, Kinds())
	}
	at := a.opts.Clock.Now()
	if a.opts.CommitLag > 0 {
		a.mu.Lock()
		lag := time.Duration(a.rand.n(int(a.opts.CommitLag)))
		a.mu.Unlock()
		if err := a.opts.Clock.Sleep(ctx, lag); err != nil {
			return Edited{}, err
		}
	}
	a.mu.Lock()
	a.edits++
	done, err := apply(a, e, a.invert(at).Truncate(time.Microsecond))
	live := a.live
	a.mu.Unlock()
	if err != nil {
		return Edited{}, fmt.Errorf("%s %s: %w", e.Kind, e.ID, err)
	}
	done.edited.Kind = e.Kind
	if done.alias == "" || live == nil {
		return done.edited, nil
	}
	done.edited.Alias = done.alias
	if err := a.writeLive(ctx, live, &done); err != nil {
		done.edited.IndexError = err.Error()
		a.log.Warn("failed to change the search index", "index", done.alias, "id", done.edited.ID, "error", err)
	}
	return done.edited, nil
}

// RandomEdit makes one edit of the kinds that people make all day, most of them changes to services.
func (a *API) RandomEdit(ctx context.Context) (Edited, error) {
	weights := []struct {
		kind   string
		weight int
	}{
		{"update-service", 50},
		{"unpublish-service", 12},
		{"publish-service", 12},
		{"publish-draft-service", 6},
		{"rename-supplier", 4},
		{"transfer-service", 2},
		{"publish-brief", 6},
		{"withdraw-brief", 2},
		{"create-brief", 3},
		{"award-brief", 3},
	}
	a.mu.Lock()
	draw := a.rand.n(100)
	a.mu.Unlock()
	for _, w := range weights {
		if draw -= w.weight; draw < 0 {
			done, err := a.Do(ctx, Edit{Kind: w.kind})
			if errors.Is(err, ErrNothing) {
				return a.Do(ctx, Edit{Kind: "update-service"})
			}
			return done, err
		}
	}
	return a.Do(ctx, Edit{Kind: "update-service"})
}

// writeLive is index_object and delete_service_from_index: the client of the data API tries six times in nine seconds
// unless the answer is an error that the request itself has caused (dmapiclient/base.py).
func (a *API) writeLive(ctx context.Context, live LiveIndex, c *change) error {
	var err error
	for _, pause := range []time.Duration{0, 0, 600, 1200, 2400, 4800} {
		if e := a.opts.Clock.Sleep(ctx, pause*time.Millisecond); e != nil {
			return errors.Join(err, e)
		}
		if c.remove {
			err = live.Delete(ctx, c.alias, c.docType, c.edited.ID)
		} else {
			err = live.Put(ctx, c.alias, c.docType, c.edited.ID, c.document)
		}
		var answer interface{ StatusCode() int }
		if err == nil || errors.As(err, &answer) && !retried[answer.StatusCode()] {
			return err
		}
	}
	return err
}

var retried = map[int]bool{500: true, 502: true, 503: true, 504: true}
