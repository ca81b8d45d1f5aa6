package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox"
)

func TestHelpHasExamples(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Errorf("--help exits %d: %s", code, errs.String())
	}
	for _, part := range []string{"--put-time", "--live-writer", "--pace", "--env-file /tmp/sandbox.env", "/_sandbox/faults", "hold-after", "--faults bad-night"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("--help does not have %s:\n%s", part, out.String())
		}
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"--nonsense"}, {"--pace", "fast"}, {"--documents", "-1"}, {"--instances", "0"}, {"--put-time", "soon"}, {"extra"}, {"--faults", "good-night"}, {"--rate-limit", "-1"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != 2 {
			t.Errorf("%v exits %d, want 2", args, code)
		}
		if out.Len() != 0 || !strings.HasPrefix(errs.String(), "sandbox: ") {
			t.Errorf("%v says %q and %q", args, out.String(), errs.String())
		}
	}
}

// started is a sandbox that has printed its line of JSON.
func started(t *testing.T, ctx context.Context, stdin io.Reader, args ...string) (ready sandbox.Ready, code <-chan int) {
	t.Helper()
	out, to := io.Pipe()
	ended := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		c := run(ctx, append([]string{"--documents", "5", "--briefs", "2", "--pace", "instant", "--put-time", "0s"}, args...), stdin, to, &errs)
		_ = to.CloseWithError(io.EOF)
		ended <- c
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no line: %v: %s", err, errs.String())
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	go func() {
		rest, _ := io.ReadAll(out)
		if len(rest) > 0 {
			t.Errorf("more than one line: %s", rest)
		}
	}()
	return ready, ended
}

func TestItPrintsWhenItIsReadyAndEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	file := filepath.Join(t.TempDir(), "env")
	ready, code := started(t, ctx, strings.NewReader(""), "--env-file", file)
	if !ready.Ready || ready.Env["STAGE"] != "preview" || ready.Credentials["cf_password"] == "" {
		t.Errorf("ready: %+v", ready)
	}
	for _, address := range []string{ready.Addresses.CFAPI + "/", ready.Addresses.DataAPI + "/_status", ready.Addresses.Control + "/_sandbox"} {
		res, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d", address, res.StatusCode)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ready.Env["CONTROL"] = ready.Addresses.Control
	if string(text) != sandbox.Exports(ready.Env) {
		t.Errorf("%s holds %s", file, text)
	}
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("exits %d", got)
	}
}

func TestItEndsWithItsParent(t *testing.T) {
	stdin, parent := io.Pipe()
	_, code := started(t, t.Context(), stdin, "--until-stdin-closes")
	select {
	case got := <-code:
		t.Fatalf("exited %d while its parent lived", got)
	default:
	}
	_ = parent.Close()
	if got := <-code; got != 0 {
		t.Errorf("exits %d", got)
	}
}

func TestAPortInUseIsReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, _ := started(t, ctx, strings.NewReader(""))
	port := ready.Addresses.Router[strings.LastIndex(ready.Addresses.Router, ":")+1:]
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"--port-control", port}, strings.NewReader(""), &out, &errs); code != 1 || !strings.Contains(errs.String(), "address already in use") {
		t.Errorf("exits %d: %s", code, errs.String())
	}
}
