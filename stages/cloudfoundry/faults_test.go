package cloudfoundry_test

import (
	"context"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// world is what the writes below act upon.
type world struct {
	c                             *cloudfoundry.Client
	plan, app, route, es, another string
}

func newWorld(t *testing.T) (*world, *faults.Engine) {
	t.Helper()
	c, _, engine := sandbox(t)
	ctx := writing(t)
	w := &world{c: c, plan: must[*cloudfoundry.Plan](t)(c.Plan(ctx, "elasticsearch", "small-ha-7.x")).GUID}
	w.app = must[*cloudfoundry.App](t)(c.CreateApp(ctx, "green", labelled("r1"))).GUID
	w.another = must[*cloudfoundry.App](t)(c.CreateApp(ctx, "another", labelled("r1"))).GUID
	w.route = must[*cloudfoundry.Route](t)(c.CreateRoute(ctx, "dm-green-preview.cloudapps.digital", labelled("r1"))).GUID
	w.es = must[*cloudfoundry.ServiceInstance](t)(c.CreateServiceInstance(ctx, "es_new", w.plan, nil, labelled("r1"))).GUID
	must[*cloudfoundry.ServiceInstance](t)(c.AwaitServiceInstance(ctx, w.es))
	if err := c.MapRoute(ctx, w.route, w.another); err != nil {
		t.Fatal(err)
	}
	return w, engine
}

// Whatever happens to a write, or to its answer, it is done when it says so, and
// when it does not, it can be done again; and it is never done twice.
func TestWritesWhoseAnswerIsLostOnTheRehearsalPlatform(t *testing.T) {
	value := "v"

	writes := map[string]struct {
		do func(context.Context, *world) error
		// done counts what the write has made; it must be 1.
		done func(context.Context, *world) (int, error)
	}{
		"create an app": {
			func(ctx context.Context, w *world) error {
				_, err := w.c.CreateApp(ctx, "third", labelled("r2"))
				return err
			},
			func(ctx context.Context, w *world) (int, error) {
				all, err := w.c.AppsByLabel(ctx, cloudfoundry.RunLabel, "r2")
				return len(all), err
			},
		},
		"create a service instance": {
			func(ctx context.Context, w *world) error {
				_, err := w.c.CreateServiceInstance(ctx, "es_two", w.plan, nil, labelled("r2"))
				return err
			},
			func(ctx context.Context, w *world) (int, error) {
				all, err := w.c.ServiceInstancesByLabel(ctx, cloudfoundry.RunLabel, "r2")
				return len(all), err
			},
		},
		"create a route": {
			func(ctx context.Context, w *world) error {
				_, err := w.c.CreateRoute(ctx, "dm-third-preview.cloudapps.digital/x", labelled("r2"))
				return err
			},
			func(ctx context.Context, w *world) (int, error) {
				r, err := w.c.RouteByAddress(ctx, "dm-third-preview.cloudapps.digital/x")
				if r == nil {
					return 0, err
				}
				return 1, err
			},
		},
		"map a route": {
			func(ctx context.Context, w *world) error { return w.c.MapRoute(ctx, w.route, w.app) },
			func(ctx context.Context, w *world) (int, error) {
				r, err := w.c.Route(ctx, w.route)
				return len(r.Destinations) - 1, err
			},
		},
		"unmap a route": {
			func(ctx context.Context, w *world) error { return w.c.UnmapRoute(ctx, w.route, w.another) },
			func(ctx context.Context, w *world) (int, error) {
				r, err := w.c.Route(ctx, w.route)
				return 1 - len(r.Destinations), err
			},
		},
		"bind": {
			func(ctx context.Context, w *world) error {
				_, err := w.c.Bind(ctx, w.app, w.es, "es", nil)
				return err
			},
			func(ctx context.Context, w *world) (int, error) {
				all, err := w.c.Bindings(ctx, cloudfoundry.BindingFilter{App: w.app, Instance: w.es})
				return len(all), err
			},
		},
		"create a package": {
			func(ctx context.Context, w *world) error {
				_, err := w.c.CreateDockerPackage(ctx, w.app, "i:1", "", "")
				return err
			},
			func(ctx context.Context, w *world) (int, error) {
				all, err := w.c.DockerPackages(ctx, w.app)
				return len(all), err
			},
		},
		"set a variable": {
			func(ctx context.Context, w *world) error {
				value := "1"
				return w.c.SetEnvironment(ctx, w.app, map[string]*string{"NEW": &value})
			},
			func(ctx context.Context, w *world) (int, error) {
				env, err := w.c.Environment(ctx, w.app)
				return len(env.User["NEW"]), err
			},
		},
		"rename": {
			func(ctx context.Context, w *world) error { return w.c.RenameServiceInstance(ctx, w.es, "es") },
			func(ctx context.Context, w *world) (int, error) {
				s, err := w.c.ServiceInstance(ctx, w.es)
				if s.Name != "es" {
					return 0, err
				}
				return 1, err
			},
		},
		"label": {
			func(ctx context.Context, w *world) error {
				return w.c.SetMetadata(ctx, cloudfoundry.Routes, w.route, map[string]*string{"role": &value, cloudfoundry.RunLabel: nil}, nil)
			},
			func(ctx context.Context, w *world) (int, error) {
				r, err := w.c.Route(ctx, w.route)
				if r.Labels["role"] != "v" || r.Run() != "" {
					return 0, err
				}
				return 1, err
			},
		},
		"delete": {
			func(ctx context.Context, w *world) error { return w.c.DeleteServiceInstance(ctx, w.es) },
			func(ctx context.Context, w *world) (int, error) {
				s, err := w.c.ServiceInstanceByName(ctx, "es_new")
				if s != nil {
					return 0, err
				}
				return 1, err
			},
		},
	}
	for name, write := range writes {
		for _, kind := range []string{faults.ErrorBefore, faults.ErrorAfter, faults.DropBefore, faults.DropAfter} {
			t.Run(name+", "+kind, func(t *testing.T) {
				w, engine := newWorld(t)
				if _, err := engine.Add(faults.Fault{WritesOnly: true, Kind: kind, N: 1}); err != nil {
					t.Fatal(err)
				}
				err := write.do(writing(t), w)
				if err != nil && runner.ClassOf(err) != runner.Unavailable {
					t.Fatalf("the error is not one that passes: %v", err)
				}
				if err != nil {
					err = write.do(writing(t), w)
				}
				if err != nil {
					t.Fatalf("done again: %v", err)
				}
				if n, err := write.done(t.Context(), w); n != 1 || err != nil {
					t.Errorf("it was done %d times, %v", n, err)
				}
			})
		}
	}
}
