package platform

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// program answers with its environment, crashes if the environment demands it, and can be held in a request.
type program struct {
	mu     sync.Mutex
	closed []string
	hold   chan struct{}
	held   chan string
}

func (p *program) Boot(in diego.Instance) (http.Handler, error) {
	if strings.Contains(in.Env["VCAP_SERVICES"], "no-such-thing") || in.Env["CRASH"] != "" {
		in.Log(true, "Traceback (most recent call last):")
		return nil, errors.New("RuntimeError: Elasticsearch service not bound")
	}
	return &booted{p, in}, nil
}

type booted struct {
	p  *program
	in diego.Instance
}

func (b *booted) Close() error {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	b.p.closed = append(b.p.closed, b.in.InstanceGUID)
	return nil
}

func (b *booted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/sick" {
		w.WriteHeader(503)
		return
	}
	if r.URL.Path == "/slow" {
		b.p.held <- b.in.AppGUID
		<-b.p.hold
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"app": b.in.AppName, "guid": b.in.AppGUID, "index": b.in.Index, "env": b.in.Env,
		"proto": r.Header.Get("X-Forwarded-Proto"), "path": r.URL.Path,
	})
}

// esBroker is a broker that can fail.
type esBroker struct {
	mu      sync.Mutex
	refuse  string
	gone    []string
	created []string
}

func (b *esBroker) Provision(instance, _ string, parameters json.RawMessage) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.created = append(b.created, instance+" "+string(parameters))
	if b.refuse != "" {
		return errors.New(b.refuse)
	}
	return nil
}

func (b *esBroker) Deprovision(instance string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = append(b.gone, instance)
	return nil
}

func (b *esBroker) Credentials(instance, binding string) map[string]any {
	return map[string]any{"uri": "https://es/" + instance, "binding": binding}
}

// world is a running platform, with a client.
type world struct {
	t       *testing.T
	p       *Platform
	program *program
	broker  *esBroker
	api     string
	router  string
	token   string
	space   string
}

func start(t *testing.T, change ...func(*Options, *World)) *world {
	t.Helper()
	w := &world{t: t, program: &program{hold: make(chan struct{}), held: make(chan string, 10)}, broker: &esBroker{}}
	opts := Options{
		Clock: clock.New(0.001),
		Programs: func(image string) (diego.Program, bool) {
			return w.program, strings.HasPrefix(image, "digitalmarketplace/search-api:release-")
		},
		Broker: w.broker, ProvisionTime: 30 * time.Second, DeprovisionTime: 5 * time.Second,
	}
	content := DigitalMarketplace("preview", "admin", "s3cret")
	for _, f := range change {
		f(&opts, &content)
	}
	w.p = New(opts)
	t.Cleanup(w.p.Close)
	if err := w.p.Seed(content); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(w.p.API())
	t.Cleanup(api.Close)
	w.api = api.URL
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	router := w.p.Router()
	go func() { _ = router.Serve(l) }()
	t.Cleanup(func() { _ = router.Close() })
	w.router = l.Addr().String()
	w.login("admin", "s3cret")
	w.space = w.one("/v3/spaces?names=preview")["guid"].(string)
	return w
}

func (w *world) login(user, password string) {
	w.t.Helper()
	status, out := w.oauth("cf", "", url.Values{"grant_type": {"password"}, "username": {user}, "password": {password}})
	if status != 200 {
		w.t.Fatalf("login: %d %v", status, out)
	}
	w.token = out["access_token"].(string)
}

func (w *world) oauth(id, secret string, form url.Values) (int, obj) {
	w.t.Helper()
	r, _ := http.NewRequest("POST", w.api+"/oauth/token", strings.NewReader(form.Encode()))
	r.SetBasicAuth(id, secret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.do(r)
}

func (w *world) do(r *http.Request) (int, obj) {
	w.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	out := obj{}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(body, &out); err != nil {
			w.t.Fatalf("%s %s: %v in %s", r.Method, r.URL, err, body)
		}
	} else {
		out["text"] = string(body)
	}
	out["location"] = resp.Header.Get("Location")
	return resp.StatusCode, out
}

func (w *world) call(method, path string, body any) (int, obj) {
	w.t.Helper()
	kind := "application/json"
	var b []byte
	switch v := body.(type) {
	case nil:
	case string:
		kind, b = "application/x-yaml", []byte(v)
	default:
		b, _ = json.Marshal(v)
	}
	r, err := http.NewRequest(method, w.api+path, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	if w.token != "" {
		r.Header.Set("Authorization", "bearer "+w.token)
	}
	r.Header.Set("Content-Type", kind)
	return w.do(r)
}

// must calls and expects the status.
func (w *world) must(status int, method, path string, body any) obj {
	w.t.Helper()
	got, out := w.call(method, path, body)
	if got != status {
		w.t.Fatalf("%s %s: %d %v, want %d", method, path, got, out, status)
	}
	return out
}

// refused expects an error of the API.
func (w *world) refused(status, code int, detail, method, path string, body any) {
	w.t.Helper()
	out := w.must(status, method, path, body)
	e := out["errors"].([]any)[0].(obj)
	if int(e["code"].(float64)) != code || !strings.Contains(e["detail"].(string), detail) {
		w.t.Errorf("%s %s: %v, want %d %q", method, path, e, code, detail)
	}
}

// job calls, expects 202 with a job, and waits until the job has ended.
func (w *world) job(method, path string, body any) obj {
	w.t.Helper()
	at := w.must(202, method, path, body)["location"].(string)
	if !strings.HasPrefix(at, w.api+"/v3/jobs/") {
		w.t.Fatalf("%s %s: Location %q is not absolute", method, path, at)
	}
	return w.ended(strings.TrimPrefix(at, w.api))
}

func (w *world) ended(job string) obj {
	w.t.Helper()
	var out obj
	w.until("end of "+job, func() bool {
		out = w.must(200, "GET", job, nil)
		return out["state"] == "COMPLETE" || out["state"] == "FAILED"
	})
	return out
}

func (w *world) done(method, path string, body any) {
	w.t.Helper()
	if out := w.job(method, path, body); out["state"] != "COMPLETE" {
		w.t.Fatalf("%s %s: %v", method, path, out)
	}
}

// one is the only resource of a list.
func (w *world) one(path string) obj {
	w.t.Helper()
	all := w.all(path)
	if len(all) != 1 {
		w.t.Fatalf("%s: %d resources, want 1", path, len(all))
	}
	return all[0]
}

func (w *world) all(path string) []obj {
	w.t.Helper()
	var found []obj
	for _, v := range w.must(200, "GET", path, nil)["resources"].([]any) {
		found = append(found, v.(obj))
	}
	return found
}

func (w *world) guid(path string) string { w.t.Helper(); return w.one(path)["guid"].(string) }

func (w *world) app(name string) string { w.t.Helper(); return w.guid("/v3/apps?names=" + name) }

func (w *world) service(name string) string {
	w.t.Helper()
	return w.guid("/v3/service_instances?names=" + name)
}

// until waits for a condition, by polling.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	end := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(end) {
			w.t.Fatalf("never happened: %s", what)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Millisecond)
		<-ctx.Done()
		cancel()
	}
}

// visit asks a host through the router on a connection of its own.
func (w *world) visit(address string, header ...string) (*http.Response, obj) {
	w.t.Helper()
	resp, out, err := w.tryVisit(address, header...)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, out
}

func (w *world) tryVisit(address string, header ...string) (*http.Response, obj, error) {
	r, err := http.NewRequest("GET", "http://"+address, nil)
	if err != nil {
		return nil, nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, w.router)
		},
	}}
	resp, err := client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	out := obj{}
	if json.Unmarshal(body, &out) != nil {
		out["text"] = string(body)
	}
	return resp, out, nil
}

// everywhere reports whether every router answers with this status, with enough new connections to reach every router.
func (w *world) everywhere(address string, status int, header ...string) bool {
	w.t.Helper()
	for range 24 {
		if resp, _ := w.visit(address, header...); resp.StatusCode != status {
			return false
		}
	}
	return true
}

const live = "dm-search-api-preview.cloudapps.digital"

func manifestFor(name string, lines ...string) string {
	return fmt.Sprintf("applications:\n- name: %s\n  docker:\n    image: digitalmarketplace/search-api:release-1234\n", name) + strings.Join(lines, "")
}

// push makes an app run from a manifest, as cf push does.
func (w *world) push(name, manifest string) string {
	w.t.Helper()
	w.done("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", manifest)
	guid := w.app(name)
	w.stage(guid, "digitalmarketplace/search-api:release-1234")
	w.must(200, "POST", "/v3/apps/"+guid+"/actions/restart", nil)
	w.running(guid)
	return guid
}

func (w *world) stage(guid, image string) obj {
	w.t.Helper()
	v := w.must(201, "POST", "/v3/packages", obj{"type": "docker", "data": obj{"image": image}, "relationships": obj{"app": toOne(guid)}})
	b := w.must(201, "POST", "/v3/builds", obj{"package": obj{"guid": v["guid"]}})
	w.until("staging of "+image, func() bool {
		b = w.must(200, "GET", "/v3/builds/"+b["guid"].(string), nil)
		return b["state"] != "STAGING"
	})
	if b["state"] == "STAGED" {
		w.must(200, "PATCH", "/v3/apps/"+guid+"/relationships/current_droplet", obj{"data": b["droplet"]})
	}
	return b
}

func (w *world) running(guid string) {
	w.t.Helper()
	w.until("running", func() bool {
		for _, row := range w.all("/v3/apps/" + guid + "/processes/web/stats") {
			if row["state"] != "RUNNING" || row["routable"] != true {
				return false
			}
		}
		return true
	})
}

// text is a log envelope's line.
func text(envelope any) string {
	b, _ := base64.StdEncoding.DecodeString(envelope.(obj)["log"].(obj)["payload"].(string))
	return string(b)
}
