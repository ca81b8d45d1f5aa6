package clone_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

const (
	liveRoute      = "dm-search-api-preview.cloudapps.digital"
	temporaryRoute = "dm-elasticsearch-migration-preview.cloudapps.digital"
	newImage       = "digitalmarketplace/search-api:release-1235"
	variable       = "DM_ELASTICSEARCH_SERVICE_NAME"
	replacedName   = "search_api_elasticsearch"
)

// world is a sandbox in which a run has begun: its blue has a network policy, and
// green's service is there.
type world struct {
	*testing.T
	ctx     context.Context
	box     *sandbox.Sandbox
	cf      *cloudfoundry.Client
	run     *upgrade.Run
	pair    *upgrade.Pair
	apps    *clone.Apps
	green   *clone.Green
	rebuild *clone.Rebuild
	// secrets are those that were given to the redactor.
	secrets []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldAt(t, sandbox.PaceInstant)
}

func newWorldAt(t *testing.T, pace float64) *world {
	t.Helper()
	return newWorldOf(t, sandbox.Options{Pace: pace})
}

func newWorldOf(t *testing.T, o sandbox.Options) *world {
	t.Helper()
	o.Documents, o.Briefs, o.ProvisionTime = 1, 1, time.Second
	box, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	w := &world{T: t, box: box, ctx: httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })}
	w.cf = must(cloudfoundry.Open(t.Context(), cloudfoundry.Settings{
		API: env["CF_API"], Org: env["CF_ORG"], Space: env["CF_SPACE"], Username: env["CF_USERNAME"], Password: environ.Secret(env["CF_PASSWORD"]),
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond}))(w)
	w.run = upgrade.NewRun(upgrade.RunOptions{
		Journal: journal.New(journal.On(w.cf), "search-api"), Platform: w.cf,
		Milestones: map[upgrade.Milestone]string{upgrade.ServiceCreated: "create-service", upgrade.GreenBuilt: "push-app"},
	})
	w.pair = &upgrade.Pair{Platform: w.cf, Run: w.run, NewApp: "elasticsearch-migration", OldApp: "search-api-old"}
	w.clone(env["DOCKER_USERNAME"], env["CF_DOCKER_PASSWORD"])
	w.begin()
	plan := must(w.cf.Services.PlanByName(w.ctx, "elasticsearch", env["SERVICE_PLAN"]))(w)
	made := must(w.cf.Services.CreateServiceInstance(w.ctx, "search_api_elasticsearch_new", plan.GUID, nil, w.run.Labels(upgrade.RoleGreen)))(w)
	must(w.cf.Services.AwaitServiceInstance(w.ctx, made.GUID))(w)
	return w
}

// clone wires the package as a runbook does.
func (w *world) clone(user, password string) {
	w.apps = &clone.Apps{
		Pair: w.pair, DockerUsername: user, DockerPassword: environ.Secret(password), Poll: 5 * time.Millisecond,
		StartTimeout: 10 * time.Second, NameOf: names.New(w.cf).Of,
	}
	source := &clone.Source{Pair: w.pair, Redact: func(secrets ...string) { w.secrets = append(w.secrets, secrets...) }}
	replaced := &clone.Replaced{
		Variable: variable, Name: "search_api_elasticsearch_new", BindingName: replacedName,
		Find: w.greensService, Ready: w.greensService,
	}
	w.green = &clone.Green{Apps: w.apps, Source: source, Replaced: replaced, TemporaryRoute: temporaryRoute, ManifestDir: w.TempDir()}
	w.rebuild = &clone.Rebuild{Apps: w.apps, Source: source, Live: &upgrade.Live{Pair: w.pair}, Replaced: replaced}
}

func (w *world) greensService(ctx context.Context) (*cloudfoundry.ServiceInstance, error) {
	all, err := w.run.Services(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// begin records a run. Blue has the variable, and a network policy to itself.
func (w *world) begin() {
	w.Helper()
	b := must(upgrade.FindBlue(w.ctx, w.cf, "search-api", liveRoute))(w)
	service := must(w.cf.Services.ServiceInstanceByName(w.ctx, replacedName))(w)
	b.Service, b.ServiceName = service.GUID, service.Name
	name := replacedName
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, b.App, map[string]*string{variable: &name}))
	w.ok(w.cf.Space.AddNetworkPolicies(w.ctx, []cloudfoundry.NetworkPolicy{{SourceGUID: b.App, DestinationGUID: b.App, Protocol: "tcp", Start: 8080, End: 8081}}))
	w.ok(w.run.Begin(w.ctx, must(w.run.New("1.0.0", b, map[string]string{upgrade.FactImage: newImage}))(w)))
}

// must ends the test at an error.
func must[V any](v V, err error) func(*world) V {
	return func(w *world) V {
		w.Helper()
		w.ok(err)
		return v
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// try runs a task as the runner does: with the right to write only where it says that
// it changes something, and again until its wait is over.
func (w *world) try(t runner.Task) (*runner.Observation, error) {
	ctx := httpclient.WithoutPermit(w.ctx)
	if t.Effect != runner.Proves {
		ctx = w.ctx
	}
	for began := time.Now(); ; {
		o := &runner.Observation{}
		err := t.Do(ctx, o)
		if err == nil || t.Wait == 0 || runner.IsFinal(err) || runner.ClassOf(err) >= runner.Refused || time.Since(began) > t.Wait {
			return o, err
		}
		<-time.After(5 * time.Millisecond)
	}
}

// apply runs tasks in their order, and returns the last one's observation.
func (w *world) apply(tasks []runner.Task, err error) *runner.Observation {
	w.Helper()
	w.ok(err)
	var last *runner.Observation
	for _, t := range tasks {
		if last, err = w.try(t); err != nil {
			w.Fatalf("%s: %s", t.Name, err)
		}
	}
	return last
}

// planned compares the names of tasks.
func (w *world) planned(want ...string) func([]runner.Task, error) {
	return func(tasks []runner.Task, err error) {
		w.Helper()
		w.ok(err)
		var got []string
		for _, t := range tasks {
			got = append(got, t.Name)
		}
		if !slices.Equal(got, want) {
			w.Errorf("planned is %q, not %q", got, want)
		}
	}
}

// refused expects an error that leaves everything as it is, and says so.
func (w *world) refused(err error, words string) {
	w.Helper()
	if runner.ClassOf(err) != runner.Refused || !strings.Contains(err.Error(), words) {
		w.Errorf("it is not refused with %q: %v", words, err)
	}
}

// routable waits until so many instances of an app take requests.
func (w *world) routable(app string, want int) {
	w.Helper()
	w.apply([]runner.Task{{Wait: 10 * time.Second, Do: func(ctx context.Context, o *runner.Observation) error {
		n, instances, err := upgrade.Routable(ctx, w.cf, app)
		if err == nil && n != want {
			err = errorOf(instances)
		}
		return err
	}}}, nil)
}
