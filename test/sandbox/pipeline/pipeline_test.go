package pipeline

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

const (
	live  = "dm-search-api-preview.cloudapps.digital"
	image = "digitalmarketplace/search-api:release-1235"
)

// program answers 200 to everything.
type program struct{}

func (program) Boot(diego.Instance) (http.Handler, error) {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil
}

// world is a platform with a pipeline.
type world struct {
	t        *testing.T
	clock    *clock.Clock
	platform *platform.Platform
	pipeline *Pipeline
	router   string
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: clock.New(0.001)}
	w.platform = platform.New(platform.Options{
		Clock: w.clock,
		Programs: func(image string) (diego.Program, bool) {
			return program{}, strings.HasPrefix(image, "digitalmarketplace/search-api:release-")
		},
	})
	t.Cleanup(w.platform.Close)
	content := platform.DigitalMarketplace("preview", User, "secret")
	if err := w.platform.Seed(content); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(w.platform.API())
	t.Cleanup(api.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	router := w.platform.Router()
	go func() { _ = router.Serve(l) }()
	t.Cleanup(func() { _ = router.Close() })
	w.router = l.Addr().String()
	w.pipeline = New(Options{API: api.URL, Password: "secret", Space: "preview", Apps: content.Apps, Clock: w.clock})
	return w
}

// visit asks the live route for its status, on a connection of its own.
func (w *world) visit() (int, error) {
	r, err := http.NewRequestWithContext(context.WithoutCancel(w.t.Context()), http.MethodGet, "http://"+w.router+"/", nil)
	if err != nil {
		return 0, err
	}
	r.Host, r.Close = live, true
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func (w *world) release(o Order) {
	w.t.Helper()
	if err := w.pipeline.Release(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

type app struct {
	Name, GUID, Image string
	Env               map[string]string
	Routes            []string
	Bindings          []struct{ Service string }
}

// apps are the apps of the space.
func (w *world) apps() []app {
	w.t.Helper()
	text, err := json.Marshal(w.platform.Snapshot())
	if err != nil {
		w.t.Fatal(err)
	}
	var s struct{ Apps []app }
	if err := json.Unmarshal(text, &s); err != nil {
		w.t.Fatal(err)
	}
	return s.Apps
}

// only is the one app of the space, which has the name that the pipeline releases.
func (w *world) only() app {
	w.t.Helper()
	all := w.apps()
	if len(all) != 1 || all[0].Name != "search-api" {
		w.t.Fatalf("the apps are %+v, want search-api alone", all)
	}
	return all[0]
}

// alphagov/digitalmarketplace-aws: Makefile, deploy-app
func TestAReleaseReplacesTheAppThatHasTheNameWithoutAGap(t *testing.T) {
	w := start(t)
	blue := w.only()
	failed := make(chan any, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(failed)
		for ctx.Err() == nil {
			if status, err := w.visit(); err != nil || status != http.StatusOK {
				failed <- []any{status, err}
				return
			}
		}
	}()
	w.release(Order{App: "search-api", Image: image})
	cancel()
	if bad, ok := <-failed; ok {
		t.Errorf("a request failed meanwhile: %v", bad)
	}
	next := w.only()
	if next.GUID == blue.GUID {
		t.Error("the app is the same")
	}
	if len(next.Routes) != 2 || len(next.Bindings) != 3 || next.Image != image {
		t.Errorf("the new app: %+v", next)
	}
}

func TestAReleaseMayHaveMistakesInItsManifest(t *testing.T) {
	w := start(t)
	w.release(Order{App: "search-api", Image: image, Manifest: Overrides{
		Env:      map[string]string{"DM_LOG_PATH": "/tmp/log", "NEW": "1"},
		Services: map[string]string{"digitalmarketplace_splunk": "digitalmarketplace_ip_allow_list"},
	}})
	next := w.only()
	if next.Env["NEW"] != "1" || next.Env["DM_LOG_PATH"] != "/tmp/log" || next.Env["DM_APP_NAME"] != "search-api" {
		t.Errorf("environment: %v", next.Env)
	}
	if services := next.Bindings; len(services) != 3 || services[0].Service != "digitalmarketplace_ip_allow_list" {
		t.Errorf("services: %v", services)
	}
	w.release(Order{App: "search-api", Image: image})
	if env := w.only().Env; env["NEW"] != "" || env["DM_LOG_PATH"] != "" {
		t.Errorf("the next release repeats the mistakes: %v", env)
	}
}

func TestAReleaseOutlivesItsToken(t *testing.T) {
	w := start(t)
	s := &session{ctx: t.Context(), api: w.pipeline.opts.API, password: "secret", client: w.pipeline.client, clock: w.clock}
	if _, err := s.list("/v3/apps"); err != nil {
		t.Fatal(err)
	}
	w.clock.Move(time.Hour)
	if _, err := s.list("/v3/apps"); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func TestAReleaseFailsAtTheFirstRequestThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Options)
		order  Order
		want   string
	}{
		"no image":    {func(*Options) {}, Order{App: "search-api", Image: "digitalmarketplace/search-api:none"}, "stage digitalmarketplace/search-api:none: "},
		"no manifest": {func(*Options) {}, Order{App: "data-api", Image: image}, "release data-api: there is no manifest for it"},
		"no space":    {func(o *Options) { o.Space = "staging" }, Order{App: "search-api", Image: image}, "there is no space staging"},
		"no route":    {func(o *Options) { o.Apps[0].Routes = []string{"other." + live} }, Order{App: "search-api", Image: image}, "no route other." + live},
		"no access":   {func(o *Options) { o.Password = "wrong" }, Order{App: "search-api", Image: image}, "log in as release-app-paas: 401 "},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			blue := w.only()
			tt.change(&w.pipeline.opts)
			err := w.pipeline.Release(t.Context(), tt.order)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if apps := w.apps(); apps[0].GUID != blue.GUID || len(apps[0].Routes) != 2 {
				t.Errorf("the live app has changed: %+v", apps)
			}
		})
	}
}
