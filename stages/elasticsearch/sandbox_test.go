package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// world is the wiring of the runbook in a sandbox whose live index is complete. A run
// has begun; no stage runs.
type world struct {
	*Site
	t   *testing.T
	ctx context.Context
	box *sandbox.Sandbox
}

func newWorld(t *testing.T) *world {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 20, Briefs: 20, Drift: -1, Pace: sandbox.PaceInstant, PutTime: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	settings, problems := environ.Load[Settings](t.Context(), func(name string) (string, bool) { v, is := env[name]; return v, is })
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	w := &world{t: t, box: box, ctx: httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })}
	w.Site, err = Open(w.ctx, settings, Options{Version: "1.0.0", Redact: environ.NewRedactor(), Log: slog.New(slog.DiscardHandler)})
	w.ok(err)
	b, err := upgrade.FindBlue(w.ctx, w.platform, w.names.LiveApp, w.names.LiveRoute)
	w.ok(err)
	run, err := w.run.New("1.0.0", b, nil)
	w.ok(err)
	run.Started = box.Clock().Now()
	w.ok(w.run.Begin(w.ctx, run))
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// edit makes one edit of an object; "" is any.
func (w *world) edit(kind, id string) {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"kind": kind, "id": id})
	w.ok(err)
	resp, err := http.Post(w.box.ControlURL+"/_sandbox/edit", "application/json", bytes.NewReader(body))
	w.ok(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %s: %s", kind, id, resp.Status)
	}
}

// published are the documents of an index by the data API, a page of them at most.
func (w *world) published(index int) []dataapi.Document {
	w.t.Helper()
	x := w.indices[index]
	list := func() (dataapi.Page, error) { return w.apis.data.Services(w.ctx, x.Frameworks, 1) }
	if x.Kind == dataapi.Briefs {
		list = func() (dataapi.Page, error) {
			return w.apis.data.Briefs(w.ctx, x.Frameworks, x.Kind.IndexedStatuses()[0], 1)
		}
	}
	page, err := list()
	w.ok(err)
	var all []dataapi.Document
	for _, d := range page.Documents {
		if d.IsIndexed() {
			all = append(all, d)
		}
	}
	return all
}

// remove deletes a document from blue, and add puts one under another id.
func (w *world) remove(index int, d dataapi.Document) {
	w.t.Helper()
	x := w.indices[index]
	found, err := w.apis.live().Delete(w.ctx, x.Alias, x.DocType(), d.ID)
	w.ok(err)
	if !found {
		w.t.Fatalf("there is no document %s", d.ID)
	}
}

func (w *world) add(index int, d dataapi.Document, id string) {
	w.t.Helper()
	x := w.indices[index]
	w.ok(w.apis.live().Put(w.ctx, x.Alias, x.DocType(), id, d.Raw))
}

// has reports whether blue has a document.
func (w *world) has(index int, id string) bool {
	w.t.Helper()
	x := w.indices[index]
	_, found, err := w.apis.live().Get(w.ctx, x.Alias, x.DocType(), id)
	w.ok(err)
	return found
}

// do runs a task with the right to write only where it says that it changes something.
func (w *world) do(t runner.Task) (*runner.Observation, error) {
	ctx := w.ctx
	if t.Effect == runner.Proves {
		ctx = httpclient.WithoutPermit(ctx)
	}
	o := new(runner.Observation)
	return o, t.Do(ctx, o)
}
