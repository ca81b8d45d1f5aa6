package situation_test

import (
	"context"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/situation"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

const (
	liveRoute = "dm-search-api-preview.cloudapps.digital"
	image     = "digitalmarketplace/search-api:release-1234"
)

// upgradeOfTest is an upgrade in a sandbox, of which no stage runs: a test makes the
// objects that stages would make, and records the milestones.
type upgradeOfTest struct {
	*situation.Reader
	t   *testing.T
	ctx context.Context
	cf  *cloudfoundry.Client
	env map[string]string
	run *upgrade.Run
}

func begin(t *testing.T) *upgradeOfTest {
	t.Helper()
	return beginAt(t, sandbox.PaceInstant)
}

func beginAt(t *testing.T, pace float64) *upgradeOfTest {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 1, Briefs: 1, Pace: pace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	ctx := httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })
	cf, err := cloudfoundry.Open(ctx, cloudfoundry.Settings{
		API: env["CF_API"], Org: env["CF_ORG"], Space: env["CF_SPACE"], Username: env["CF_USERNAME"], Password: environ.Secret(env["CF_PASSWORD"]),
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	u := &upgradeOfTest{t: t, ctx: ctx, cf: cf, env: env}
	u.forget()
	return u
}

// forget makes the run and what reads it anew, as another process has them.
func (u *upgradeOfTest) forget() {
	milestones := map[upgrade.Milestone]string{}
	for _, m := range []upgrade.Milestone{
		upgrade.Begun, upgrade.ServiceCreated, upgrade.GreenBuilt, upgrade.OnLiveRoutes, upgrade.BlueOff, upgrade.TemporaryOff,
		upgrade.OldServiceRenamed, upgrade.NewServiceRenamed, upgrade.NamesFinal, upgrade.BlueRemoved, upgrade.Released, upgrade.Refreshed, upgrade.Ended,
	} {
		milestones[m] = stageOf(m)
	}
	u.run = upgrade.NewRun(upgrade.RunOptions{Journal: journal.New(journal.On(u.cf), "search-api"), Platform: u.cf, Milestones: milestones})
	pair := &upgrade.Pair{Platform: u.cf, Run: u.run, NewApp: "elasticsearch-migration", OldApp: "search-api-old"}
	u.Reader = &situation.Reader{
		Live: &upgrade.Live{Pair: pair},
		Names: bluegreen.Names{
			LiveApp: "search-api", OldApp: "search-api-old", NewApp: "elasticsearch-migration", ReleasedApp: "search-api-released",
			LiveRoute: liveRoute, TemporaryRoute: "dm-elasticsearch-migration-preview.cloudapps.digital",
			Service: "search_api_elasticsearch", OldService: "search_api_elasticsearch_old", NewService: "search_api_elasticsearch_new",
			ServiceVariable: "DM_ELASTICSEARCH_SERVICE_NAME",
		},
		Backing:    backing{u},
		CatchUp:    true,
		FindBlue:   u.findBlue,
		Called:     func(stage string) string { return "7. " + stage },
		AppDeleted: upgrade.Refreshed, ServiceDeleted: upgrade.Refreshed,
	}
}

// stageOf is the stage that reaches a milestone.
func stageOf(m upgrade.Milestone) string {
	return map[upgrade.Milestone]string{
		upgrade.Begun: "check", upgrade.ServiceCreated: "create-service", upgrade.GreenBuilt: "push", upgrade.OnLiveRoutes: "map",
		upgrade.BlueOff: "unmap", upgrade.TemporaryOff: "drop-route", upgrade.OldServiceRenamed: "rename-old", upgrade.NewServiceRenamed: "rename-new",
		upgrade.NamesFinal: "names", upgrade.BlueRemoved: "stop", upgrade.Released: "release", upgrade.Refreshed: "refresh", upgrade.Ended: "delete",
	}[m]
}

// must ends the test at an error.
func (u *upgradeOfTest) must(err error) {
	u.t.Helper()
	if err != nil {
		u.t.Fatal(err)
	}
}

func (u *upgradeOfTest) findBlue(ctx context.Context) (upgrade.Blue, error) {
	b, err := upgrade.FindBlue(ctx, u.cf, "search-api", liveRoute)
	if err != nil {
		return b, err
	}
	service, err := u.cf.Services.ServiceInstanceByName(ctx, "search_api_elasticsearch")
	if err != nil {
		return b, err
	}
	b.Service, b.ServiceName = service.GUID, service.Name
	return b, nil
}

// begun records a run.
func (u *upgradeOfTest) begun() {
	u.t.Helper()
	b, err := u.findBlue(u.ctx)
	u.must(err)
	run, err := u.run.New("1.0.0", b, nil)
	u.must(err)
	u.must(u.run.Begin(u.ctx, run))
	u.reached(upgrade.Begun)
}

// reached records milestones.
func (u *upgradeOfTest) reached(all ...upgrade.Milestone) {
	u.t.Helper()
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	for _, m := range all {
		u.must(u.run.Complete(u.ctx, stageOf(m), runner.Completion{Verdict: runner.Done, Started: at.Add(-time.Minute), Ended: at}))
	}
}

// built makes green, its service and its temporary route.
func (u *upgradeOfTest) built() {
	u.t.Helper()
	labels := u.run.Labels(upgrade.RoleGreen)
	plan, err := u.cf.Services.PlanByName(u.ctx, "elasticsearch", "small-ha-7.x")
	u.must(err)
	_, err = u.cf.Services.CreateServiceInstance(u.ctx, "search_api_elasticsearch_new", plan.GUID, nil, labels)
	u.must(err)
	app, err := u.cf.Apps.Create(u.ctx, "elasticsearch-migration", labels)
	u.must(err)
	logs := "/var/log"
	u.must(u.cf.Apps.SetEnvironment(u.ctx, app.GUID, map[string]*string{"DM_LOG_PATH": &logs}))
	route, err := u.cf.Routes.Create(u.ctx, u.Names.TemporaryRoute, labels)
	u.must(err)
	u.must(u.cf.Routes.Map(u.ctx, route.GUID, app.GUID))
	u.reached(upgrade.ServiceCreated, upgrade.GreenBuilt)
}

// app makes an app that is not of the run.
func (u *upgradeOfTest) app(name string) string {
	u.t.Helper()
	app, err := u.cf.Apps.Create(u.ctx, name, nil)
	u.must(err)
	return app.GUID
}

// started gives an app the live image and a search service, and starts it.
func (u *upgradeOfTest) started(app, service string) {
	u.t.Helper()
	_, err := u.cf.Services.Bind(u.ctx, app, u.service(service), "search_api_elasticsearch", nil)
	u.must(err)
	made, err := u.cf.Apps.CreateDockerPackage(u.ctx, app, image, u.env["DOCKER_USERNAME"], environ.Secret(u.env["CF_DOCKER_PASSWORD"]))
	u.must(err)
	droplet, err := u.cf.Apps.Build(u.ctx, made.GUID)
	u.must(err)
	u.must(u.cf.Apps.SetCurrentDroplet(u.ctx, app, droplet.GUID))
	u.must(u.cf.Apps.Start(u.ctx, app))
	u.until(app, func(h upgrade.Health) bool { return h.Why() == "" })
}

// until waits until the platform sees an app as it is wanted.
func (u *upgradeOfTest) until(app string, wanted func(upgrade.Health) bool) {
	u.t.Helper()
	for began := time.Now(); ; <-time.After(5 * time.Millisecond) {
		now, err := u.cf.Apps.Get(u.ctx, app)
		u.must(err)
		h, err := upgrade.HealthOf(u.ctx, u.cf, now)
		u.must(err)
		if wanted(h) {
			return
		}
		if time.Since(began) > 30*time.Second {
			u.t.Fatalf("%+v", h)
		}
	}
}

// guid finds an app by its name.
func (u *upgradeOfTest) guid(name string) string {
	u.t.Helper()
	app, err := u.cf.Apps.ByName(u.ctx, name)
	u.must(err)
	if app == nil {
		u.t.Fatalf("there is no app %s", name)
	}
	return app.GUID
}

// mapped maps all live routes to an app, and unmapped unmaps them.
func (u *upgradeOfTest) mapped(app string) {
	u.t.Helper()
	for _, route := range u.blue().Routes {
		u.must(u.cf.Routes.Map(u.ctx, route.GUID, app))
	}
}

func (u *upgradeOfTest) unmapped(app string) {
	u.t.Helper()
	for _, route := range u.blue().Routes {
		u.must(u.cf.Routes.Unmap(u.ctx, route.GUID, app))
	}
}

func (u *upgradeOfTest) blue() upgrade.Blue {
	u.t.Helper()
	b, err := u.run.Blue()
	u.must(err)
	return b
}

// service finds a service by its name.
func (u *upgradeOfTest) service(name string) string {
	u.t.Helper()
	service, err := u.cf.Services.ServiceInstanceByName(u.ctx, name)
	u.must(err)
	if service == nil {
		u.t.Fatalf("there is no service %s", name)
	}
	return service.GUID
}

// switched brings the upgrade to where green serves alone.
func (u *upgradeOfTest) switched() {
	u.t.Helper()
	u.begun()
	u.built()
	u.started(u.guid("elasticsearch-migration"), "search_api_elasticsearch_new")
	u.mapped(u.guid("elasticsearch-migration"))
	u.unmapped(u.blue().App)
	u.reached(upgrade.OnLiveRoutes, upgrade.BlueOff)
}

// renamed brings it from there to the final names.
func (u *upgradeOfTest) renamed() {
	u.t.Helper()
	u.must(u.cf.Services.RenameServiceInstance(u.ctx, u.service("search_api_elasticsearch"), "search_api_elasticsearch_old"))
	u.must(u.cf.Services.RenameServiceInstance(u.ctx, u.service("search_api_elasticsearch_new"), "search_api_elasticsearch"))
	u.must(u.cf.Apps.Rename(u.ctx, u.guid("search-api"), "search-api-old"))
	u.must(u.cf.Apps.Rename(u.ctx, u.guid("elasticsearch-migration"), "search-api"))
	u.reached(upgrade.OldServiceRenamed, upgrade.NewServiceRenamed, upgrade.NamesFinal)
}

// backing is the room that handles the backing service, as far as a test needs it.
type backing struct{ u *upgradeOfTest }

func (b backing) Old(ctx context.Context, blue upgrade.Blue) (*cloudfoundry.ServiceInstance, error) {
	return upgrade.GoneIfNotFound(b.u.cf.Services.ServiceInstance(ctx, blue.Service))
}

func (b backing) New(ctx context.Context) (*cloudfoundry.ServiceInstance, error) {
	all, err := b.u.run.Services(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

func (b backing) VariableBefore() (string, *string, error) {
	if b.u.run.Fact("variable") == "" {
		return "", nil, nil
	}
	var was struct {
		Name  string
		Value *string
	}
	err := b.u.run.Decode("variable", &was)
	return was.Name, was.Value, err
}
