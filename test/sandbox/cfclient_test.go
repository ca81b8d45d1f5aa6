package sandbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/client"
	"github.com/cloudfoundry/go-cfclient/v3/config"
	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// cfclient is an independent client of Cloud Foundry: go-cfclient, with its own types and no code of this project.
type cfclient struct {
	*client.Client
	t     *testing.T
	space string
}

func dial(t *testing.T, r Ready, credentials config.Option) *cfclient {
	t.Helper()
	cfg, err := config.New(r.Env["CF_API"], credentials)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	x := &cfclient{Client: c, t: t}
	org := must(c.Organizations.Single(t.Context(), &client.OrganizationListOptions{Names: client.Filter{Values: []string{r.Env["CF_ORG"]}}}))(t)
	spaces := client.NewSpaceListOptions()
	spaces.Names.EqualTo(r.Env["CF_SPACE"])
	spaces.OrganizationGUIDs.EqualTo(org.GUID)
	x.space = must(c.Spaces.Single(t.Context(), spaces))(t).GUID
	return x
}

// must returns a value that came without an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (c *cfclient) job(guid string, err error) {
	c.t.Helper()
	if err == nil && guid == "" {
		c.t.Fatal("no job")
	}
	if err == nil {
		err = c.Jobs.PollComplete(c.t.Context(), guid, quickly())
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func quickly() *client.PollingOptions {
	return &client.PollingOptions{FailedState: "FAILED", Timeout: 20 * time.Second, CheckInterval: 5 * time.Millisecond}
}

func (c *cfclient) app(name string) *resource.App {
	c.t.Helper()
	o := client.NewAppListOptions()
	o.Names.EqualTo(name)
	o.SpaceGUIDs.EqualTo(c.space)
	return must(c.Applications.Single(c.t.Context(), o))(c.t)
}

func (c *cfclient) service(name string) *resource.ServiceInstance {
	c.t.Helper()
	o := client.NewServiceInstanceListOptions()
	o.Names.EqualTo(name)
	o.SpaceGUIDs.EqualTo(c.space)
	return must(c.ServiceInstances.Single(c.t.Context(), o))(c.t)
}

func (c *cfclient) route(host, path string) *resource.Route {
	c.t.Helper()
	o := client.NewRouteListOptions()
	o.Hosts.EqualTo(host)
	o.Paths.EqualTo(path)
	o.SpaceGUIDs.EqualTo(c.space)
	return must(c.Routes.Single(c.t.Context(), o))(c.t)
}

func TestGoCFClientReadsTheSpace(t *testing.T) {
	w := walk(t, Options{Documents: 20, Briefs: 5, PutTime: -1})
	c, ctx := dial(t, w.ready, config.UserPassword(w.ready.Env["CF_USERNAME"], w.ready.Env["CF_PASSWORD"])), t.Context()
	dial(t, w.ready, config.ClientCredentials(w.ready.Credentials["cf_client_id"], w.ready.Credentials["cf_client_secret"]))

	root := must(c.Root.Get(ctx))(t)
	if root.Links.CloudControllerV3.Meta.Version == "" || root.Links.LogCache.Href == "" || root.Links.AppSSH.Meta.HostKeyFingerprint == "" {
		t.Errorf("root %+v", root.Links)
	}
	blue := c.app("search-api")
	if blue.State != "STARTED" || blue.Relationships.Space.Data.GUID != c.space {
		t.Errorf("app %+v", blue)
	}
	stats := must(c.Processes.GetStatsForApp(ctx, blue.GUID, "web"))(t)
	if len(stats.Stats) != 2 || stats.Stats[0].State != "RUNNING" || !stats.Stats[0].Routable {
		t.Errorf("stats %+v", stats.Stats)
	}
	web := must(c.Processes.FirstForApp(ctx, blue.GUID, nil))(t)
	if web.Instances != 2 || *web.HealthCheck.Data.Endpoint != "/_status?ignore-dependencies" {
		t.Errorf("process %+v", web)
	}
	env := must(c.Applications.GetEnvironment(ctx, blue.GUID))(t)
	if env.EnvVars["DM_SEARCH_API_AUTH_TOKENS"] == "" || !strings.Contains(string(env.SystemEnvVars["VCAP_SERVICES"]), blueService) {
		t.Errorf("environment %+v", env)
	}
	routes := must(c.Routes.ListForAppAll(ctx, blue.GUID, nil))(t)
	if len(routes) != 2 || len(routes[0].Destinations) != 1 || *routes[0].Destinations[0].App.GUID != blue.GUID {
		t.Errorf("routes %+v", routes)
	}
	if all := must(c.ServiceInstances.ListAll(ctx, nil))(t); len(all) != 4 {
		t.Errorf("%d services", len(all))
	}
	o := client.NewServiceCredentialBindingListOptions()
	o.AppGUIDs.EqualTo(blue.GUID)
	if bound := must(c.ServiceCredentialBindings.ListAll(ctx, o))(t); len(bound) != 3 || bound[0].LastOperation.State != "succeeded" {
		t.Errorf("bindings %+v", bound)
	}
	plans, offerings, err := c.ServicePlans.ListIncludeServiceOfferingAll(ctx, nil)
	if err != nil || len(plans) < 2 || len(offerings) != 1 || offerings[0].Name != "elasticsearch" {
		t.Errorf("plans %v of %v, %v", plans, offerings, err)
	}
	if text := must(c.Manifests.Generate(ctx, blue.GUID))(t); !strings.Contains(text, "name: search-api") {
		t.Errorf("manifest %s", text)
	}
	// Its type for a difference has only text as values.
	larger := "applications:\n- name: search-api\n  memory: 1G\n"
	if diff := must(c.Manifests.ManifestDiff(ctx, c.space, larger))(t); len(diff.Diff) != 1 || diff.Diff[0].Op != "replace" || diff.Diff[0].Value != "1024M" {
		t.Errorf("diff %+v", diff)
	}
	roles, users, err := c.Roles.ListIncludeUsersAll(ctx, nil)
	if err != nil || len(roles) < 2 || roles[0].Type != "space_developer" || len(users) != len(roles) || *users[0].Username != cfUser {
		t.Errorf("roles %v of %v, %v", roles, users, err)
	}
	for name, err := range map[string]error{
		"route bindings": second(c.ServiceRouteBindings.ListAll(ctx, nil)), "droplet": second(c.Droplets.GetCurrentForApp(ctx, blue.GUID)),
		"packages": second(c.Packages.ListForAppAll(ctx, blue.GUID, nil)), "deployments": second(c.Deployments.ListAll(ctx, nil)),
		"revisions": second(c.Revisions.ListForAppAll(ctx, blue.GUID, nil)), "sidecars": second(c.Sidecars.ListForAppAll(ctx, blue.GUID, nil)),
		"flags": second(c.FeatureFlags.ListAll(ctx, nil)), "ssh": second(c.AppFeatures.GetSSH(ctx, blue.GUID)),
		"events": second(c.AuditEvents.ListAll(ctx, nil)), "domains": second(c.Domains.ListAll(ctx, nil)), "quotas": second(c.OrganizationQuotas.ListAll(ctx, nil)),
		"shared spaces": second(c.ServiceInstances.GetSharedSpaceRelationships(ctx, c.service(blueService).GUID)),
		"permissions":   second(c.Applications.Permissions(ctx, blue.GUID)), "space quotas": second(c.SpaceQuotas.ListAll(ctx, nil)),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// The calls of the stages, in their order, by another program.
func TestGoCFClientUpgrades(t *testing.T) {
	w := walk(t, Options{Documents: 20, Briefs: 5, PutTime: -1})
	c, ctx := dial(t, w.ready, config.UserPassword(w.ready.Env["CF_USERNAME"], w.ready.Env["CF_PASSWORD"])), t.Context()
	blue, old := c.app("search-api"), c.service(blueService)

	plans := client.NewServicePlanListOptions()
	plans.Names.EqualTo("small-ha-7.x")
	plan := must(c.ServicePlans.Single(ctx, plans))(t)
	c.job(c.ServiceInstances.CreateManaged(ctx, resource.NewServiceInstanceCreateManaged(blueService+"_new", c.space, plan.GUID)))
	made := c.service(blueService + "_new")
	if made.LastOperation.State != "succeeded" || made.LastOperation.Type != "create" {
		t.Errorf("service %+v", made.LastOperation)
	}
	_, err := c.ServiceInstances.CreateUserProvided(ctx, resource.NewServiceInstanceCreateUserProvided(blueService, c.space))
	if !resource.IsUnprocessableEntityError(err) || !strings.Contains(err.Error(), "name is taken: "+blueService) {
		t.Errorf("a name of another app: %v", err)
	}

	c.job(c.Manifests.ApplyManifest(ctx, c.space, greenManifest))
	green := c.app("elasticsearch-migration")
	pack := must(c.Packages.Create(ctx, resource.NewDockerPackageCreate(green.GUID, "digitalmarketplace/search-api:release-1234", dockerUser, dockerPassword)))(t)
	build := must(c.Builds.Create(ctx, resource.NewBuildCreate(pack.GUID)))(t)
	if err := c.Builds.PollStaged(ctx, build.GUID, quickly()); err != nil {
		t.Fatal(err)
	}
	droplet := must(c.Droplets.SingleForPackage(ctx, pack.GUID, nil))(t)
	must(c.Droplets.SetCurrentAssociationForApp(ctx, green.GUID, droplet.GUID))(t)
	must(c.Applications.Start(ctx, green.GUID))(t)
	c.awaitRunning(green.GUID, 2)

	live := c.route("dm-search-api-preview", "")
	must(c.Routes.InsertDestinations(ctx, live.GUID, []*resource.RouteDestinationInsertOrReplace{resource.NewRouteDestinationInsertOrReplace(green.GUID)}))(t)
	c.unmap(live.GUID, blue.GUID)
	temp := c.route("dm-elasticsearch-migration-preview", "")
	c.unmap(temp.GUID, green.GUID)
	c.job(c.Routes.Delete(ctx, temp.GUID))

	c.renameService(old, blueService+"_old")
	c.renameService(made, blueService)
	must(c.Applications.Update(ctx, blue.GUID, &resource.AppUpdate{Name: "search-api-old"}))(t)
	must(c.Applications.Update(ctx, green.GUID, &resource.AppUpdate{Name: "search-api", Metadata: resource.NewMetadata().WithLabel("", "run", "1").WithAnnotation("", "note", "done")}))(t)
	if again := must(c.Applications.Get(ctx, green.GUID))(t); *again.Metadata.Labels["run"] != "1" || *again.Metadata.Annotations["note"] != "done" {
		t.Errorf("metadata %+v", again.Metadata)
	}
	must(c.Applications.Stop(ctx, blue.GUID))(t)
	c.awaitRunning(blue.GUID, 0)
	c.job(c.Applications.Delete(ctx, blue.GUID))
	if _, err := c.Applications.Get(ctx, blue.GUID); !resource.IsResourceNotFoundError(err) {
		t.Errorf("a deleted app: %v", err)
	}
	c.job(c.ServiceInstances.Delete(ctx, old.GUID))
	if status, _, _ := w.app("GET", liveAddress, "/_status", nil, ""); status != 200 {
		t.Errorf("the live route answers %d", status)
	}
}

// Releases, tasks and settings, which the other runbooks need.
func TestGoCFClientDeploysAndRunsTasks(t *testing.T) {
	w := walk(t, Options{Documents: 20, Briefs: 5, PutTime: -1, Pace: 0.002})
	c, ctx := dial(t, w.ready, config.UserPassword(w.ready.Env["CF_USERNAME"], w.ready.Env["CF_PASSWORD"])), t.Context()
	app := c.app("search-api")

	value := "1"
	must(c.Applications.SetEnvironmentVariables(ctx, app.GUID, map[string]*string{"A": &value}))(t)
	must(c.AppFeatures.UpdateSSH(ctx, app.GUID, false))(t)
	for _, strategy := range []string{"rolling", "canary"} {
		create := resource.NewDeploymentCreate(app.GUID)
		create.Strategy = strategy
		d := must(c.Deployments.Create(ctx, create))(t)
		if strategy == "canary" {
			c.awaitDeployment(d.GUID, "PAUSED")
			if err := c.Deployments.Cancel(ctx, d.GUID); err != nil {
				t.Fatal(err)
			}
			c.awaitDeployment(d.GUID, "CANCELED")
			continue
		}
		c.awaitDeployment(d.GUID, "DEPLOYED")
	}

	task := must(c.Tasks.Create(ctx, app.GUID, resource.NewTaskCreateWithCommand("true")))(t)
	until(t, "task SUCCEEDED", func() bool { return must(c.Tasks.Get(ctx, task.GUID))(t).State == "SUCCEEDED" })
	long := must(c.Tasks.Create(ctx, app.GUID, resource.NewTaskCreateWithCommand("sleep 300")))(t)
	must(c.Tasks.Cancel(ctx, long.GUID))(t)
	until(t, "task FAILED", func() bool { return must(c.Tasks.Get(ctx, long.GUID))(t).State == "FAILED" })

	key, _, err := c.ServiceCredentialBindings.Create(ctx, resource.NewServiceCredentialBindingCreateKey(c.service(blueService).GUID, "key"))
	c.job(key, err)
	keys := client.NewServiceCredentialBindingListOptions()
	keys.Names.EqualTo("key")
	k := must(c.ServiceCredentialBindings.Single(ctx, keys))(t)
	if details := must(c.ServiceCredentialBindings.GetDetails(ctx, k.GUID))(t); details.Credentials["uri"] == nil {
		t.Errorf("details %+v", details)
	}
	c.job(c.ServiceCredentialBindings.Delete(ctx, k.GUID))

	events := client.NewAuditEventListOptions()
	events.TargetGUIDs = client.ExclusionFilter{Filter: client.Filter{Values: []string{app.GUID}}}
	all := must(c.AuditEvents.ListAll(ctx, events))(t)
	if !slices.ContainsFunc(all, func(e *resource.AuditEvent) bool { return e.Type == "audit.app.deployment.cancel" }) {
		t.Errorf("%d events, and none of the cancelling", len(all))
	}
}

func (c *cfclient) awaitRunning(app string, instances int) {
	c.t.Helper()
	until(c.t, "instances of "+app, func() bool {
		stats := must(c.Processes.GetStatsForApp(c.t.Context(), app, "web"))(c.t)
		running := 0
		for _, s := range stats.Stats {
			if s.State == "RUNNING" && s.Routable {
				running++
			} else if s.State == "STOPPING" {
				running = -1
				break
			}
		}
		return running == instances
	})
}

func (c *cfclient) awaitDeployment(guid, reason string) {
	c.t.Helper()
	until(c.t, "deployment "+reason, func() bool { return must(c.Deployments.Get(c.t.Context(), guid))(c.t).Status.Reason == reason })
}

func (c *cfclient) unmap(route, app string) {
	c.t.Helper()
	for _, d := range must(c.Routes.GetDestinations(c.t.Context(), route))(c.t).Destinations {
		if *d.App.GUID == app {
			if err := c.Routes.RemoveDestination(c.t.Context(), route, *d.GUID); err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

func (c *cfclient) renameService(s *resource.ServiceInstance, name string) {
	c.t.Helper()
	update := resource.NewServiceInstanceManagedUpdate()
	update.Name = &name
	job, _, err := c.ServiceInstances.UpdateManaged(c.t.Context(), s.GUID, update)
	if err != nil {
		c.t.Fatal(err)
	}
	if job != "" {
		c.job(job, nil)
	}
	if got := c.service(name); got.GUID != s.GUID {
		c.t.Errorf("%s is %s, want %s", name, got.GUID, s.GUID)
	}
}
