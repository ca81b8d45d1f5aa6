package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What the sandbox promises to those who rehearse on it, with the Digital Marketplace's own sizes.
const (
	sandboxStart  = 500 * time.Millisecond
	sandboxRate   = 2000 // a second of processor time
	sandboxMemory = 1 << 30
)

// sandboxes are the rows of the sandbox itself.
//
// What it serves is counted by its own processor time, with GOMAXPROCS=1: who asks shares the machine, and is not what is
// measured.
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
	peak, err := peakOf(x.cmd.Process.Pid)
	if err != nil {
		return err
	}
	b.row("the sandbox's memory at its peak, 36,311 services and all of them built again", "under 1 GiB", fmt.Sprintf("%d MiB", peak>>20), "", peak < sandboxMemory)
	return nil
}

// asking is how many requests are made of the sandbox at a time.
const asking = 8

// asked is a sandbox that requests are made of, on kept connections.
type asked struct {
	*box
	client *http.Client
}

// whole starts a sandbox of full size on one core, where a document takes no time, and tells how long it was until it
// answered its first request.
func (b *bench) whole(ctx context.Context) (*asked, time.Duration, error) {
	dir, err := os.MkdirTemp("", "cutover-bench-")
	if err != nil {
		return nil, 0, err
	}
	x := &asked{
		&box{cmd: exec.Command(filepath.Join(b.bin, "sandbox"), "--put-time=0", "--slots=8", "--until-stdin-closes"), dir: dir},
		&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: asking}},
	}
	x.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	x.cmd.Stderr = &x.stderr
	ownGroup(x.cmd)
	if x.stdin, err = x.cmd.StdinPipe(); err != nil {
		return nil, 0, err
	}
	stdout, err := x.cmd.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	if err := x.cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("start the sandbox: %w", err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &x.ready)
	}
	if err == nil {
		err = x.send(ctx, http.MethodGet, "/_status", nil)
	}
	if err != nil {
		x.end()
		return nil, 0, fmt.Errorf("start the sandbox: %w: %s", err, strings.TrimSpace(x.stderr.String()))
	}
	return x, time.Since(began), nil
}

// send sends one request to the live search API, and wants 200.
func (x *asked) send(ctx context.Context, method, path string, body []byte) error {
	_, err := x.call(ctx, method, "http://"+x.ready.Env["ROUTER_ADDRESS"]+path, strings.TrimPrefix(x.ready.Env["SEARCH_API_URL"], "http://"), x.ready.Env["DM_SEARCH_API_TOKEN_PREVIEW"], body)
	return err
}

func (x *asked) call(ctx context.Context, method, address, host, token string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Host = host
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := x.client.Do(req)
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

// documents are the bodies of PUTs of so many services, as the data API has them.
func (x *asked) documents(ctx context.Context, n int) (bodies [][]byte, err error) {
	for page := 1; len(bodies) < n; page++ {
		text, err := x.call(ctx, http.MethodGet, fmt.Sprintf("%s/services?framework=g-cloud-12&page=%d", x.ready.Env["DATA_API_URL"], page), "", x.ready.Env["DM_DATA_API_TOKEN_PREVIEW"], nil)
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

// many sends so many requests, asking at a time on kept connections, and returns how many the sandbox answers in a second of
// its processor time.
func (x *asked) many(n int, send func(i int) error) (float64, error) {
	used, err := processorTime(x.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	failed := make(chan error, asking)
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
	now, err := processorTime(x.cmd.Process.Pid)
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
