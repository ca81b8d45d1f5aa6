package proof_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

const host = "dm-search-api-preview.cloudapps.digital"

// world is a sandbox with two instances of an app behind two routers.
type world struct {
	*proof.Prober
	t   *testing.T
	ctx context.Context
	box *sandbox.Sandbox
	cf  *cloudfoundry.Client
	app string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 1, Briefs: 1, Pace: sandbox.PaceInstant})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	w := &world{t: t, box: box, ctx: httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })}
	w.cf, err = cloudfoundry.Open(w.ctx, cloudfoundry.Settings{
		API: env["CF_API"], Org: env["CF_ORG"], Space: env["CF_SPACE"], Username: env["CF_USERNAME"], Password: environ.Secret(env["CF_PASSWORD"]),
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond})
	w.ok(err)
	app, err := w.cf.Apps.ByName(w.ctx, "search-api")
	w.ok(err)
	w.app = app.GUID
	routers, err := strconv.Atoi(env["ROUTERS"])
	w.ok(err)
	w.Prober = &proof.Prober{
		Fresh:  httpclient.New(httpclient.Options{Dial: env["ROUTER_ADDRESS"], FreshConnections: true, Attempts: 1}),
		Scheme: "http", Path: "/_status?ignore-dependencies", Routers: routers, Timeout: 10 * time.Second,
	}
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// route makes a route to the app.
func (w *world) route(address string) *cloudfoundry.Route {
	w.t.Helper()
	route, err := w.cf.Routes.Create(w.ctx, address, nil)
	w.ok(err)
	w.ok(w.cf.Routes.Map(w.ctx, route.GUID, w.app))
	return route
}

// freeze keeps all changes of routes from one router.
func (w *world) freeze(replica int) {
	w.t.Helper()
	body := fmt.Appendf(nil, `{"replica":%d,"deaf":true}`, replica)
	resp, err := http.Post(w.box.ControlURL+"/_sandbox/router", "application/json", bytes.NewReader(body))
	w.ok(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("freeze router %d: %s", replica, resp.Status)
	}
}
