// Package pipeline is the release pipeline of the Digital Marketplace: the job that replaces an app on Cloud Foundry by
// a new release of it (alphagov/digitalmarketplace-aws: Makefile, deploy-app). It is no part of the platform. It logs in
// as a user of its own and calls the HTTP API like everybody else, and it knows nothing of migrations: whatever app has
// the name when it looks is replaced.
package pipeline

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
)

// User is the name that the pipeline's user has at the Digital Marketplace. It is the name of the job, too, and what the
// pipeline sends as its User-Agent.
const User = "release-app-paas"

// settle is how long the pipeline sleeps after binding and after unmapping, whatever the state of the app.
const settle = 60 * time.Second

// command is how long one cf command of the pipeline takes. Because of it, a route's mapping reaches a router before the
// unmapping that follows.
const command = 2 * time.Second

// Options say which Cloud Foundry the pipeline releases to, and what.
type Options struct {
	API      string // address of the Cloud Foundry API, which answers for the UAA too; without a slash at the end
	Password string // of User
	Space    string // name of the space
	// Apps has the manifest of each app: image credentials, size, environment, services and routes.
	Apps  []platform.App
	Clock *clock.Clock
}

// Pipeline runs releases. It is safe for use by several goroutines.
type Pipeline struct {
	opts   Options
	client *http.Client
}

// New makes a pipeline. It connects to nothing until the first release.
func New(o Options) *Pipeline {
	// One connection for each request: Go's client sends a request again by itself if a kept connection breaks.
	return &Pipeline{opts: o, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// Order is one release.
type Order struct {
	App, Image string
	Manifest   Overrides
}

// Overrides are where a release's manifest differs from the one in Options: the mistakes that a person makes in it.
type Overrides struct {
	// Env adds variables, or replaces their values.
	Env map[string]string `json:"env,omitempty"`
	// Services replaces services by others: the name in the manifest is the key, the other's name the value.
	Services map[string]string `json:"services,omitempty"`
}

func (o Overrides) apply(app platform.App) platform.App {
	app.Env, app.Services = maps.Clone(app.Env), slices.Clone(app.Services)
	maps.Copy(app.Env, o.Env)
	for i := range app.Services {
		if name, replaced := o.Services[app.Services[i].Name]; replaced {
			app.Services[i].Name = name
		}
	}
	return app
}

// Release pushes the image as "<app>-release" with the environment, services and routes of the app's manifest, maps every
// route to it, unmaps the app that has the name, stops and deletes it, and renames the new one. It fails at the first
// request that fails, and leaves what it has done.
func (p *Pipeline) Release(ctx context.Context, o Order) error {
	if err := p.release(ctx, o); err != nil {
		return fmt.Errorf("release %s: %w", o.App, err)
	}
	return nil
}

func (p *Pipeline) release(ctx context.Context, o Order) error {
	i := slices.IndexFunc(p.opts.Apps, func(a platform.App) bool { return a.Name == o.App })
	if i < 0 {
		return fmt.Errorf("there is no manifest for it")
	}
	s := &session{ctx: ctx, api: p.opts.API, password: p.opts.Password, client: p.client, clock: p.opts.Clock}
	space, err := s.first("/v3/spaces", "names", p.opts.Space)
	if err != nil {
		return err
	}
	if space == "" {
		return fmt.Errorf("there is no space %s", p.opts.Space)
	}
	r := &release{session: s, space: space, app: o.Manifest.apply(p.opts.Apps[i])}
	return r.run(o.Image)
}
