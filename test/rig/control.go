package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/pipeline"
)

// Control asks the control API of a sandbox, which may run anywhere. The package comment of sandbox describes the API.
type Control struct {
	// URL is the API's address, such as http://127.0.0.1:39001.
	URL string
}

// Call sends one request to the control API: a path such as /_sandbox/load, a JSON body unless it is nil, and the answer
// into a pointer unless that is nil. An answer of 300 or more is an error with the answer's text.
func (c Control) Call(ctx context.Context, method, path string, body, into any) error {
	req, err := jsonRequest(ctx, method, c.URL+path, body)
	if err != nil {
		return err
	}
	return send(req, into)
}

// ask is Call with the answer as its result.
func ask[T any](ctx context.Context, c Control, method, path string, body any) (T, error) {
	var answer T
	err := c.Call(ctx, method, path, body, &answer)
	return answer, err
}

// jsonRequest has a JSON body, unless the body is nil.
func jsonRequest(ctx context.Context, method, address string, body any) (*http.Request, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, address, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// send wants an answer below 300, and decodes it.
func send(req *http.Request, into any) error {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err // names method and address
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(text))
	}
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
	}
	return nil
}

// Snapshot reads the whole state of the sandbox, platform and systems, in a stable order.
func (c Control) Snapshot(ctx context.Context, into any) error {
	return c.Call(ctx, http.MethodGet, "/_sandbox/snapshot", nil, into)
}

// MoveClock shifts the sandbox's time of day.
func (c Control) MoveClock(ctx context.Context, d time.Duration) error {
	return c.Call(ctx, http.MethodPost, "/_sandbox/clock", map[string]any{"move": d.String()}, nil)
}

// StartReaders sends so many requests a second to the live route from now on, and counts them from zero.
func (c Control) StartReaders(ctx context.Context, rate float64) error {
	return c.Call(ctx, http.MethodPost, "/_sandbox/load", map[string]any{"rate": rate}, nil)
}

// Readers is what the readers have seen since they were started.
func (c Control) Readers(ctx context.Context) (sandbox.Tally, error) {
	return ask[sandbox.Tally](ctx, c, http.MethodGet, "/_sandbox/load", nil)
}

// StopReaders ends the readers and returns what they have seen.
func (c Control) StopReaders(ctx context.Context) (sandbox.Tally, error) {
	return ask[sandbox.Tally](ctx, c, http.MethodDelete, "/_sandbox/load", nil)
}

// Edit makes one change in the source of the data.
func (c Control) Edit(ctx context.Context, e data.Edit) (data.Edited, error) {
	return ask[data.Edited](ctx, c, http.MethodPost, "/_sandbox/edit", e)
}

// StopEdits ends the changes that Options.LiveWriter makes, and returns their count.
func (c Control) StopEdits(ctx context.Context) (sandbox.WriterTally, error) {
	return ask[sandbox.WriterTally](ctx, c, http.MethodDelete, "/_sandbox/edit", nil)
}

// Deployment is one run of the release pipeline.
type Deployment struct {
	// App is the app's name; "" is the live app's.
	App   string `json:"app,omitempty"`
	Image string `json:"image"`
	// Manifest is a mistake in the manifest that the pipeline uses; the zero value is none.
	Manifest pipeline.Overrides `json:"manifest"`
}

// Deploy runs the release pipeline to its end. A pipeline that fails is an error.
func (c Control) Deploy(ctx context.Context, d Deployment) error {
	return c.Call(ctx, http.MethodPost, "/_sandbox/release", d, nil)
}

// StartDeployment starts the release pipeline and returns at once; Deployments has its outcome.
func (c Control) StartDeployment(ctx context.Context, d Deployment) error {
	body := struct {
		Deployment
		Background bool `json:"background"`
	}{d, true}
	return c.Call(ctx, http.MethodPost, "/_sandbox/release", body, nil)
}

// Deployments are all runs of the release pipeline, in the order in which they began.
func (c Control) Deployments(ctx context.Context) ([]pipeline.Run, error) {
	return ask[[]pipeline.Run](ctx, c, http.MethodGet, "/_sandbox/release", nil)
}

// FreezeRouter keeps all changes of routes from one router replica, or lets it have them again.
func (c Control) FreezeRouter(ctx context.Context, replica int, frozen bool) error {
	return c.Call(ctx, http.MethodPost, "/_sandbox/router", map[string]any{"replica": replica, "deaf": frozen}, nil)
}

// FailNextService makes the service broker fail the next creation of a service, with these words.
func (c Control) FailNextService(ctx context.Context, words string) error {
	return c.Call(ctx, http.MethodPost, "/_sandbox/engine", map[string]any{"fail_next_creation": words}, nil)
}
