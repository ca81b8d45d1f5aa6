package execute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain is the program that the tests run, too: HELPER says which.
func TestMain(m *testing.M) {
	if kind := os.Getenv("HELPER"); kind != "" {
		helper(kind)
		return
	}
	os.Exit(m.Run())
}

func helper(kind string) {
	fmt.Fprintln(os.Stdout, "hello")
	fmt.Fprintln(os.Stderr, "trouble")
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	mux := http.NewServeMux()
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(os.Environ()) })
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		<-asked.Done() // SIGTERM comes in the middle of it
		_, _ = io.WriteString(w, "done")
	})
	mux.HandleFunc("/child", func(w http.ResponseWriter, _ *http.Request) {
		c := exec.Command("sleep", "1000")
		_ = c.Start()
		_, _ = io.WriteString(w, strconv.Itoa(c.Process.Pid))
	})
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		<-asked.Done()
		if kind == "stubborn" {
			return
		}
		_ = server.Shutdown(context.Background())
		close(done)
	}()
	_ = server.ListenAndServe()
	<-done
}

type output struct {
	mu    sync.Mutex
	lines []string
}

func (o *output) log(stderr bool, line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, fmt.Sprint(stderr, " ", line))
}

func started(t *testing.T, g *Group, kind string, log func(bool, string)) *Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Start("env HELPER="+kind+" "+self, map[string]string{"PORT": "8080", "ODD": "a\n\"b"}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	until(t, "it listens", func() bool { return p.Listens() == nil })
	return p
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-end:
			t.Fatal("not within 10 s: ", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func get(t *testing.T, p *Process, path string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.example.com"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func ended(t *testing.T, p *Process) {
	t.Helper()
	select {
	case <-p.Ended():
	case <-time.After(10 * time.Second):
		t.Fatal("it has not ended")
	}
}

func TestAProgramGetsItsPortAndVariables(t *testing.T) {
	var o output
	p := started(t, &Group{}, "plain", o.log)
	text, err := get(t, p, "/env")
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	if err := json.Unmarshal([]byte(text), &env); err != nil {
		t.Fatal(err)
	}
	all := "\x00" + strings.Join(env, "\x00") + "\x00"
	for _, want := range []string{"PORT=" + p.port, "VCAP_APP_PORT=" + p.port, "ODD=a\n\"b"} {
		if !strings.Contains(all, "\x00"+want+"\x00") {
			t.Errorf("%q is not among %q", want, env)
		}
	}
	until(t, "both lines are logged", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		all := strings.Join(o.lines, ",")
		return strings.Contains(all, "false hello") && strings.Contains(all, "true trouble")
	})
}

// SIGTERM reaches the program, which ends what is under way; a connection that comes after is refused.
func TestAProgramEndsWhenItIsTold(t *testing.T) {
	p := started(t, &Group{}, "plain", func(bool, string) {})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.example.com/slow", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	p.Terminate() // The header has come, the body has not.
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if string(text) != "done" || err != nil {
		t.Errorf("the request under way: %q, %v", text, err)
	}
	ended(t, p)
	if p.Status() != 0 {
		t.Errorf("status %d", p.Status())
	}
	if _, err := get(t, p, "/env"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v", err)
	}
}

func TestACrashHasAStatus(t *testing.T) {
	p := started(t, &Group{}, "plain", func(bool, string) {})
	if _, err := get(t, p, "/exit"); err == nil {
		t.Error("the request that crashes it is answered")
	}
	ended(t, p)
	if p.Status() != 3 {
		t.Errorf("status %d", p.Status())
	}
}

// Nothing is left when the sandbox ends: neither one that ignores SIGTERM, nor what it has started.
func TestNothingOutlivesTheSandbox(t *testing.T) {
	var g Group
	p := started(t, &g, "stubborn", func(bool, string) {})
	text, err := get(t, p, "/child")
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	p.Terminate()
	if p.Listens() != nil {
		t.Error("it has ended at SIGTERM")
	}
	g.Close()
	ended(t, p)
	if p.Status() != 128+int(syscall.SIGKILL) {
		t.Errorf("status %d", p.Status())
	}
	until(t, "its child is gone", func() bool {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(child) + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ") // nobody may collect it
	})
	if _, err := g.Start("true", nil, func(bool, string) {}); err == nil {
		t.Error("another is started")
	}
}

func TestAServiceIsACommand(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var g Group
	t.Cleanup(g.Close)
	b := &Broker{Group: &g, Line: "env HELPER=plain " + self, Log: func(bool, string) {}, StartTime: 10 * time.Second}
	if err := b.Provision("one", "small", json.RawMessage(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	p := b.instances["one"]
	if b.Credentials("one", "x")["uri"] != "http://"+p.Address() {
		t.Errorf("%v", b.Credentials("one", "x"))
	}
	text, err := get(t, p, "/env")
	for _, want := range []string{"SERVICE_GUID=one", "SERVICE_PLAN=small", `SERVICE_PARAMETERS={\"a\":1}`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s: %v", want, text, err)
		}
	}
	if err := b.Deprovision("one"); err != nil {
		t.Fatal(err)
	}
	ended(t, p)
	b.Line = "false"
	if err := b.Provision("two", "small", nil); err == nil || !strings.Contains(err.Error(), "ended with status 1") {
		t.Errorf("one that ends at once: %v", err)
	}
}
