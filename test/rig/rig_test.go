package rig

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// limit is longer than anything here takes.
const limit = time.Minute

func started(t *testing.T) *Sandbox {
	t.Helper()
	s, err := Start(t.Context(), sandbox.Options{Documents: 5, Briefs: 2, Drift: -1, PutTime: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestASandboxProcessAnswersUntilItIsClosed(t *testing.T) {
	t.Parallel()
	binary, err := Build{Command: "sandbox"}.Into(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := StartProcess(t.Context(), Command{Path: binary, Args: []string{"--documents=5", "--briefs=2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Writes(t.Context()); err != nil {
		t.Error(err)
	}
	if env := s.Environment(map[string]string{"STAGE": "another"}); env["PATH"] == "" || env["CF_API"] == "" || env["STAGE"] != "another" {
		t.Errorf("environment: %v", env)
	}
	s.Close()
	if !s.Process.Ended() || s.Process.ExitCode() != 0 {
		t.Errorf("after Close: ended %v, exit code %d", s.Process.Ended(), s.Process.ExitCode())
	}

	_, err = StartProcess(t.Context(), Command{Path: binary, Args: []string{"--nonsense"}})
	if err == nil || !strings.Contains(err.Error(), "--nonsense") {
		t.Errorf("a sandbox that does not start: %v", err)
	}
}

func TestABuildThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := Build{Command: "no-such-command"}.Into(t.Context(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "build no-such-command") {
		t.Errorf("error: %v", err)
	}
}

func TestAWriteIsHeldUntilItIsReleased(t *testing.T) {
	t.Parallel()
	for action, effect := range map[string]string{Do: faults.EffectLate, Drop: faults.EffectDropped} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			s := started(t)
			id, err := s.AddFault(t.Context(), faults.Fault{Kind: faults.Hold, Place: "cloud-controller", WritesOnly: true, N: 1})
			if err != nil {
				t.Fatal(err)
			}
			counter, err := s.Count(t.Context(), faults.Fault{Place: "cloud-controller", Method: http.MethodPost})
			if err != nil {
				t.Fatal(err)
			}
			answer := make(chan error)
			go func() {
				body := map[string]any{"name": "somebody", "relationships": map[string]any{}}
				answer <- s.CF(t.Context(), http.MethodPost, "/v3/apps", body, nil)
			}()
			if err := s.AwaitHeld(t.Context(), id, limit); err != nil {
				t.Fatal(err)
			}
			if err := s.Release(t.Context(), id, action); err != nil {
				t.Fatal(err)
			}
			if err := <-answer; err == nil { // the request is invalid, or dropped
				t.Error("the request has succeeded")
			}
			writes, err := s.Writes(t.Context())
			if err != nil || writes[len(writes)-1].Effect != effect {
				t.Errorf("error %v, writes %+v, want the last one %s", err, writes, effect)
			}
			if f, err := s.Fault(t.Context(), counter); err != nil || f.Hits != 1 {
				t.Errorf("error %v, %d requests counted", err, f.Hits)
			}
			if err := s.RemoveFault(t.Context(), id); err != nil {
				t.Error(err)
			}
			if _, err := s.Fault(t.Context(), id); err == nil {
				t.Error("a removed fault is still there")
			}
		})
	}
}

func TestNothingIsHeldWithinTheLimit(t *testing.T) {
	t.Parallel()
	s := started(t)
	id, err := s.AddFault(t.Context(), faults.Fault{Kind: faults.Hold, N: 1, Method: http.MethodTrace})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AwaitHeld(t.Context(), id, time.Millisecond); err == nil {
		t.Error("it waited for nothing, without an error")
	}
}

func TestReadersEditsAndDeployments(t *testing.T) {
	t.Parallel()
	s, ctx := started(t), t.Context()
	if err := s.StartReaders(ctx, 200); err != nil {
		t.Fatal(err)
	}
	if made, err := s.Edit(ctx, data.Edit{Kind: "update-service"}); err != nil || made.ID == "" {
		t.Errorf("edit: %+v, %v", made, err)
	}
	if differences, err := s.CompareIndices(ctx, "search_api_elasticsearch"); err != nil || len(differences) == 0 {
		t.Errorf("compare: %v, %v", differences, err)
	}
	const image = "digitalmarketplace/search-api:release-1235"
	if err := s.Deploy(ctx, Deployment{Image: image}); err != nil {
		t.Error(err)
	}
	if all, err := s.Deployments(ctx); err != nil || len(all) != 1 || all[0].Image != image || all[0].State != "done" {
		t.Errorf("deployments: %+v, %v", all, err)
	}
	if err := s.StartDeployment(ctx, Deployment{App: "no-such-app", Image: image}); err != nil {
		t.Error(err)
	}
	if err := s.Deploy(ctx, Deployment{App: "no-such-app", Image: image}); err == nil {
		t.Error("a deployment of an app that does not exist has succeeded")
	}
	if tally, err := s.StopReaders(ctx); err != nil || tally.Running || tally.Failed > 0 {
		t.Errorf("readers: %+v, %v", tally, err)
	}
	if tally, err := s.StopEdits(ctx); err != nil || tally.Running {
		t.Errorf("edits: %+v, %v", tally, err)
	}
}

func TestWhatTheSandboxRefusesIsAnError(t *testing.T) {
	t.Parallel()
	s, ctx := started(t), t.Context()
	_, err := s.AddFault(ctx, faults.Fault{Kind: "explode"})
	if err == nil || !strings.Contains(err.Error(), "POST "+s.URL+"/_sandbox/faults: 400 Bad Request: ") || !strings.Contains(err.Error(), "explode") {
		t.Errorf("error: %v", err)
	}
}

// sh is a shell script as a command.
func sh(script string) Command {
	return Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: map[string]string{"WORD": "hello", "PATH": "/usr/bin:/bin"}}
}

func TestAProcessHasItsOutputAndExitCode(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := sh(`echo $WORD; echo $HOME$WORD >&2; exit 7`)
	c.Stdout = &out
	p, err := RunToEnd(t.Context(), c)
	if err == nil || !strings.HasPrefix(err.Error(), "sh -c ") || !strings.HasSuffix(err.Error(), ": exit status 7") {
		t.Errorf("error: %v", err)
	}
	if p.ExitCode() != 7 || p.Stdout() != "hello\n" || p.Stderr() != "hello\n" || out.String() != "hello\n" {
		t.Errorf("exit code %d, output %q (copy %q), error output %q", p.ExitCode(), p.Stdout(), out.String(), p.Stderr())
	}
}

func TestAProcessIsStoppedWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := sh(`trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 0.01; done`)
	c.Stdout = writerFunc(func(b []byte) {
		if strings.Contains(string(b), "ready") {
			cancel()
		}
	})
	p, err := RunToEnd(ctx, c)
	if err == nil || p.ExitCode() != 3 || p.Stdout() != "ready\nasked\n" {
		t.Errorf("error %v, exit code %d, output %q", err, p.ExitCode(), p.Stdout())
	}
	p.Kill() // has ended: nothing happens
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

func TestAProcessThatDoesNotListenIsKilled(t *testing.T) {
	t.Parallel()
	p, err := Run(sh(`trap '' TERM; echo ready; exec sleep 1000`))
	if err != nil {
		t.Fatal(err)
	}
	p.Stop(10 * time.Millisecond)
	if !p.Ended() || p.ExitCode() != -1 {
		t.Errorf("ended %v, exit code %d", p.Ended(), p.ExitCode())
	}
}
