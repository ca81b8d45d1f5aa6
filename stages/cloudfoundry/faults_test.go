package cloudfoundry_test

import (
	"context"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// space is the client and the GUIDs that the writes below act on.
type space struct {
	c                             *cloudfoundry.Client
	plan, app, route, es, another string
}

func newSpace(t *testing.T) (*space, *faults.Engine) {
	t.Helper()
	c, _, engine := sandbox(t)
	ctx := writing(t)
	in := &space{c: c, plan: must[*cloudfoundry.Plan](t)(c.Services.PlanByName(ctx, "elasticsearch", "small-ha-7.x")).GUID}
	in.app = must[*cloudfoundry.App](t)(c.Apps.Create(ctx, "green", labelled("r1"))).GUID
	in.another = must[*cloudfoundry.App](t)(c.Apps.Create(ctx, "another", labelled("r1"))).GUID
	in.route = must[*cloudfoundry.Route](t)(c.Routes.Create(ctx, "dm-green-preview.cloudapps.digital", labelled("r1"))).GUID
	in.es = must[*cloudfoundry.ServiceInstance](t)(c.Services.CreateServiceInstance(ctx, "es_new", in.plan, nil, labelled("r1"))).GUID
	must[*cloudfoundry.ServiceInstance](t)(c.Services.AwaitServiceInstance(ctx, in.es))
	if err := c.Routes.Map(ctx, in.route, in.another); err != nil {
		t.Fatal(err)
	}
	return in, engine
}

// Whatever happens to a write or its response: if the write returns no error it has
// been carried out, otherwise it can be repeated, and it is never carried out twice.
func TestWritesWithFaultsAgainstTheSandbox(t *testing.T) {
	value := "v"

	writes := map[string]struct {
		do func(context.Context, *space) error
		// count returns how often the write was carried out; it must be 1.
		count func(context.Context, *space) (int, error)
	}{
		"create an app": {
			func(ctx context.Context, in *space) error {
				_, err := in.c.Apps.Create(ctx, "third", labelled("r2"))
				return err
			},
			func(ctx context.Context, in *space) (int, error) {
				all, err := in.c.Apps.ByLabel(ctx, cloudfoundry.RunLabel, "r2")
				return len(all), err
			},
		},
		"create a service instance": {
			func(ctx context.Context, in *space) error {
				_, err := in.c.Services.CreateServiceInstance(ctx, "es_two", in.plan, nil, labelled("r2"))
				return err
			},
			func(ctx context.Context, in *space) (int, error) {
				all, err := in.c.Services.ServiceInstancesByLabel(ctx, cloudfoundry.RunLabel, "r2")
				return len(all), err
			},
		},
		"create a route": {
			func(ctx context.Context, in *space) error {
				_, err := in.c.Routes.Create(ctx, "dm-third-preview.cloudapps.digital/x", labelled("r2"))
				return err
			},
			func(ctx context.Context, in *space) (int, error) {
				r, err := in.c.Routes.ByAddress(ctx, "dm-third-preview.cloudapps.digital/x")
				if r == nil {
					return 0, err
				}
				return 1, err
			},
		},
		"map a route": {
			func(ctx context.Context, in *space) error { return in.c.Routes.Map(ctx, in.route, in.app) },
			func(ctx context.Context, in *space) (int, error) {
				r, err := in.c.Routes.Get(ctx, in.route)
				return len(r.Destinations) - 1, err
			},
		},
		"unmap a route": {
			func(ctx context.Context, in *space) error { return in.c.Routes.Unmap(ctx, in.route, in.another) },
			func(ctx context.Context, in *space) (int, error) {
				r, err := in.c.Routes.Get(ctx, in.route)
				return 1 - len(r.Destinations), err
			},
		},
		"bind": {
			func(ctx context.Context, in *space) error {
				_, err := in.c.Services.Bind(ctx, in.app, in.es, "es", nil)
				return err
			},
			func(ctx context.Context, in *space) (int, error) {
				all, err := in.c.Services.Bindings(ctx, cloudfoundry.BindingFilter{App: in.app, Instance: in.es})
				return len(all), err
			},
		},
		"create a package": {
			func(ctx context.Context, in *space) error {
				_, err := in.c.Apps.CreateDockerPackage(ctx, in.app, "i:1", "", "")
				return err
			},
			func(ctx context.Context, in *space) (int, error) {
				all, err := in.c.Apps.DockerPackages(ctx, in.app)
				return len(all), err
			},
		},
		"set a variable": {
			func(ctx context.Context, in *space) error {
				value := "1"
				return in.c.Apps.SetEnvironment(ctx, in.app, map[string]*string{"NEW": &value})
			},
			func(ctx context.Context, in *space) (int, error) {
				env, err := in.c.Apps.Environment(ctx, in.app)
				return len(env.User["NEW"]), err
			},
		},
		"rename": {
			func(ctx context.Context, in *space) error {
				return in.c.Services.RenameServiceInstance(ctx, in.es, "es")
			},
			func(ctx context.Context, in *space) (int, error) {
				s, err := in.c.Services.ServiceInstance(ctx, in.es)
				if s.Name != "es" {
					return 0, err
				}
				return 1, err
			},
		},
		"label": {
			func(ctx context.Context, in *space) error {
				return in.c.Space.SetMetadata(ctx, cloudfoundry.RouteKind, in.route, map[string]*string{"role": &value, cloudfoundry.RunLabel: nil}, nil)
			},
			func(ctx context.Context, in *space) (int, error) {
				r, err := in.c.Routes.Get(ctx, in.route)
				if r.Labels["role"] != "v" || r.Run() != "" {
					return 0, err
				}
				return 1, err
			},
		},
		"delete": {
			func(ctx context.Context, in *space) error { return in.c.Services.DeleteServiceInstance(ctx, in.es) },
			func(ctx context.Context, in *space) (int, error) {
				s, err := in.c.Services.ServiceInstanceByName(ctx, "es_new")
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
				in, engine := newSpace(t)
				if _, err := engine.Add(faults.Fault{WritesOnly: true, Kind: kind, N: 1}); err != nil {
					t.Fatal(err)
				}
				err := write.do(writing(t), in)
				if err != nil && runner.ClassOf(err) != runner.Unavailable {
					t.Fatalf("the error is not temporary: %v", err)
				}
				if err != nil {
					err = write.do(writing(t), in)
				}
				if err != nil {
					t.Fatalf("repeated: %v", err)
				}
				if n, err := write.count(t.Context(), in); n != 1 || err != nil {
					t.Errorf("carried out %d times, %v", n, err)
				}
			})
		}
	}
}
