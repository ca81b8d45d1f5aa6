package sandbox

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
	"github.com/digitalmarketplace/cutover/test/sandbox/search"
)

// filledPlan is the plan of the live app's service, whose engine has documents from the start.
const filledPlan = "small-ha-5.x"

// SearchAPI serves the search API as a process of its own, as one instance of an app: on PORT, against the service that
// VCAP_SERVICES names. The engine is in this process, so an app of it has one instance, and forgets everything when it ends.
// That of the live app's plan has the documents of a sandbox with the same options. When ctx is done, requests in flight are
// ended.
func SearchAPI(ctx context.Context, o Options, stdout io.Writer) error {
	o.defaults()
	env := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	c := clock.New(o.Pace)
	clusters := search.NewClusters(c)
	if err := engines(clusters, o, env["VCAP_SERVICES"], c); err != nil {
		return err
	}
	out := bufio.NewWriter(stdout)
	h, err := search.New(search.Options{
		Clock: c, Clusters: clusters, Build: search.NewBuild(), Version: "release-1234", Slots: o.Slots, PutTime: o.PutTime, MinHarakiri: 30 * time.Second,
	}).Boot(diego.Instance{AppName: env["DM_APP_NAME"], Kind: "web", Env: env, Log: func(_ bool, line string) {
		fmt.Fprintln(out, line)
		_ = out.Flush()
	}})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", cmp.Or(env["PORT"], "8080")))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ended <- server.Shutdown(context.WithoutCancel(ctx))
	}()
	fmt.Fprintln(stdout, "listening on", l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

// engines are those of the app's services.
func engines(clusters *search.Clusters, o Options, vcap string, c *clock.Clock) error {
	var services map[string][]struct {
		GUID string `json:"instance_guid"`
		Plan string `json:"plan"`
	}
	if err := json.Unmarshal([]byte(cmp.Or(vcap, "{}")), &services); err != nil {
		return fmt.Errorf("read VCAP_SERVICES: %w", err)
	}
	for _, s := range services["elasticsearch"] {
		if err := clusters.Provision(s.GUID, s.Plan, nil); err != nil {
			return err
		}
		if s.Plan != filledPlan {
			continue
		}
		outcomes := 5
		if o.Stage == "preview" {
			outcomes = 4
		}
		api := data.New(data.Options{Clock: c, Seed: o.Seed, Services: o.Documents, Briefs: o.Briefs, OutcomesFrameworks: outcomes})
		if err := search.Preload(clusters, s.GUID, api, o.Drift); err != nil {
			return err
		}
	}
	return nil
}
