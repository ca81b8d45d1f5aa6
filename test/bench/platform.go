package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/digitalmarketplace/cutover/test/rig"
)

// The limits of the sandbox itself, with the Digital Marketplace's own sizes.
const (
	sandboxStart  = 500 * time.Millisecond
	sandboxRate   = 2000 // a second of processor time
	sandboxMemory = 1 << 30
)

// sandboxes are the rows of the sandbox itself.
//
// Its rate is counted by its own processor time, with GOMAXPROCS=1: the clients share the machine and are not measured.
func (b *bench) sandboxes(ctx context.Context) error {
	if !b.wants("sandbox") {
		return nil
	}
	var starts []time.Duration
	for range 5 {
		x, took, err := b.whole(ctx)
		if err != nil {
			return err
		}
		x.end()
		starts = append(starts, took)
	}
	took := middle(starts)
	b.row("the sandbox starts, 36,311 services, to its first answer", most(sandboxStart), ms(took), "", took < sandboxStart)

	x, _, err := b.whole(ctx)
	if err != nil {
		return err
	}
	defer x.end()
	documents, err := x.documents(ctx, 1000)
	if err != nil {
		return err
	}
	const index = "/bench-2020-01-01"
	if err := x.send(ctx, http.MethodPut, index, []byte(`{"type":"index","mapping":"services-g-cloud-12"}`)); err != nil {
		return err
	}
	for _, what := range []struct {
		name string
		send func(i int) error
	}{
		{"PUTs of documents", func(i int) error {
			d := documents[i%len(documents)]
			return x.send(ctx, http.MethodPut, index+"/services/"+strconv.Itoa(i), d)
		}},
		{"`/_status`", func(int) error { return x.send(ctx, http.MethodGet, "/_status", nil) }},
	} {
		const n = 20_000
		if _, err := x.many(n/20, what.send); err != nil {
			return err
		}
		rate, err := x.many(n, what.send)
		if err != nil {
			return err
		}
		b.row("the sandbox answers "+what.name, fmt.Sprintf("%d in a second of one core's time", sandboxRate), fmt.Sprintf("%.0f", rate), "", rate >= sandboxRate)
	}
	if _, err := b.run(ctx, x.box, "run", "--to", "build-indices"); err != nil {
		return err
	}
	peak, err := peakOf(x.Process.Pid())
	if err != nil {
		return err
	}
	b.row("the sandbox's memory at its peak, 36,311 services and all of them built again", "under 1 GiB", fmt.Sprintf("%d MiB", peak>>20), "", peak < sandboxMemory)
	return nil
}

// parallel is how many requests are sent to the sandbox at a time.
const parallel = 8

// client is a sandbox and a client with kept connections.
type client struct {
	*box
	http *http.Client
}

// whole starts a sandbox of full size on one core, where a document takes no time, and returns how long it took to answer its
// first request.
func (b *bench) whole(ctx context.Context) (*client, time.Duration, error) {
	dir, err := os.MkdirTemp("", "cutover-bench-")
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	s, err := b.startBox(ctx, dir, rig.Command{Args: []string{"--put-time=0", "--slots=8"}, Env: map[string]string{"GOMAXPROCS": "1"}})
	if err != nil {
		return nil, 0, err
	}
	x := &client{s, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: parallel}}}
	if err := x.send(ctx, http.MethodGet, "/_status", nil); err != nil {
		x.end()
		return nil, 0, err
	}
	return x, time.Since(began), nil
}

// send sends one request to the live search API, and wants 200.
func (x *client) send(ctx context.Context, method, path string, body []byte) error {
	_, err := x.call(ctx, method, "http://"+x.Env["ROUTER_ADDRESS"]+path, strings.TrimPrefix(x.Env["SEARCH_API_URL"], "http://"), x.Env["DM_SEARCH_API_TOKEN_PREVIEW"], body)
	return err
}

func (x *client) call(ctx context.Context, method, address, host, token string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Host = host
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := x.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, address, res.Status, text)
	}
	return text, err
}

// documents are the bodies of n PUTs of services, with the content that the data API has.
func (x *client) documents(ctx context.Context, n int) (bodies [][]byte, err error) {
	for page := 1; len(bodies) < n; page++ {
		text, err := x.call(ctx, http.MethodGet, fmt.Sprintf("%s/services?framework=g-cloud-12&page=%d", x.Env["DATA_API_URL"], page), "", x.Env["DM_DATA_API_TOKEN_PREVIEW"], nil)
		if err != nil {
			return nil, err
		}
		var listing struct {
			Services []json.RawMessage `json:"services"`
		}
		if err := json.Unmarshal(text, &listing); err != nil {
			return nil, err
		}
		for _, service := range listing.Services {
			bodies = append(bodies, slices.Concat([]byte(`{"document":`), service, []byte(`}`)))
		}
	}
	return bodies, nil
}

// many sends n requests on kept connections, and returns how many the sandbox answers in a second of its processor time.
func (x *client) many(n int, send func(i int) error) (float64, error) {
	used, err := processorTime(x.Process.Pid())
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	failed := make(chan error, parallel)
	for range cap(failed) {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := send(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return 0, err
	}
	now, err := processorTime(x.Process.Pid())
	return float64(n) / (now - used).Seconds(), err
}

// peakOf is the most memory that a process has held, in bytes.
func peakOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(after, &kib); err != nil {
		return 0, fmt.Errorf("/proc/%d/status: %w", pid, err)
	}
	return kib << 10, nil
}
