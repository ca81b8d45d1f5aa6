package names_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// space is a sandbox's space, in which search-api and search_api_elasticsearch are.
type space struct {
	*testing.T
	ctx   context.Context
	cf    *cloudfoundry.Client
	names *names.Names
}

func newSpace(t *testing.T) *space {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 1, Briefs: 1, Pace: sandbox.PaceInstant})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	s := &space{T: t, ctx: httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })}
	s.cf, err = cloudfoundry.Open(s.ctx, cloudfoundry.Settings{
		API: env["CF_API"], Org: env["CF_ORG"], Space: env["CF_SPACE"], Username: env["CF_USERNAME"], Password: environ.Secret(env["CF_PASSWORD"]),
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s.names = names.New(s.cf)
	return s
}

// must ends the test at an error.
func must[V any](v V, err error) func(*space) V {
	return func(s *space) V {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
		return v
	}
}

// shown is a task as a plan shows it.
func shown(t runner.Task) runner.Task {
	return runner.Task{Name: t.Name, ByHand: t.ByHand, Effect: t.Effect}
}

// A dry run renames nothing, and plans each stage with the names that the stages
// before it would have given.
func TestADryRunPlansWithTheNamesThatItWouldHaveGiven(t *testing.T) {
	n := names.New(nil)
	blue, green := &cloudfoundry.App{GUID: "1", Name: "search-api"}, &cloudfoundry.App{GUID: "2", Name: "elasticsearch-migration"}
	old, made := &cloudfoundry.ServiceInstance{GUID: "3", Name: "elasticsearch"}, &cloudfoundry.ServiceInstance{GUID: "4", Name: "elasticsearch_new"}
	app := func(app *cloudfoundry.App, name string) runner.Task { return n.RenameApp(app, name) }
	service := func(service *cloudfoundry.ServiceInstance, name string) runner.Task {
		return n.RenameService(service, name)
	}
	for _, step := range []struct {
		task   runner.Task
		name   string
		byHand string
	}{
		{app(blue, "search-api-old"), "rename app search-api to search-api-old", "cf rename search-api search-api-old"},
		{app(green, "search-api"), "rename app elasticsearch-migration to search-api", "cf rename elasticsearch-migration search-api"},
		{service(old, "elasticsearch_old"), "rename service elasticsearch to elasticsearch_old", "cf rename-service elasticsearch elasticsearch_old"},
		{service(made, "elasticsearch"), "rename service elasticsearch_new to elasticsearch", "cf rename-service elasticsearch_new elasticsearch"},
	} {
		want := runner.Task{Name: step.name, ByHand: step.byHand, Effect: runner.Changes}
		if diff := cmp.Diff(want, shown(step.task)); diff != "" {
			t.Error(diff)
		}
		if step.task.Assume(); n.Of("5", "another") != "another" {
			t.Error("another object has another name")
		}
	}
	got := map[string]string{}
	for guid, now := range map[string]string{blue.GUID: blue.Name, green.GUID: green.Name, old.GUID: old.Name, made.GUID: made.Name} {
		got[guid] = n.Of(guid, now)
	}
	if diff := cmp.Diff(map[string]string{"1": "search-api-old", "2": "search-api", "3": "elasticsearch_old", "4": "elasticsearch"}, got); diff != "" {
		t.Error(diff)
	}
	if got := app(blue, "search-api-gone").ByHand; got != "cf rename search-api-old search-api-gone" {
		t.Errorf("the next rename of blue is %q", got)
	}
	if got := service(old, "gone").Name; got != "rename service elasticsearch_old to gone" {
		t.Errorf("the next rename of its service is %q", got)
	}
	if got := names.New(nil).Of(blue.GUID, blue.Name); got != blue.Name {
		t.Errorf("others have planned %s", got)
	}
}

func TestAnAppAndAServiceAreRenamed(t *testing.T) {
	s := newSpace(t)
	app := must(s.cf.Apps.ByName(s.ctx, "search-api"))(s)
	service := must(s.cf.Services.ServiceInstanceByName(s.ctx, "search_api_elasticsearch"))(s)
	for _, task := range []runner.Task{s.names.RenameApp(app, "search-api-old"), s.names.RenameService(service, "search_api_elasticsearch_old")} {
		if err := task.Do(s.ctx, new(runner.Observation)); err != nil {
			t.Errorf("%s: %v", task.Name, err)
		}
	}
	got := map[string]string{
		"search-api": must(s.names.App(s.ctx, "search-api"))(s), "search-api-old": must(s.names.App(s.ctx, "search-api-old"))(s),
		"service": must(s.names.Service(s.ctx, "search_api_elasticsearch"))(s), "service-old": must(s.names.Service(s.ctx, "search_api_elasticsearch_old"))(s),
	}
	if diff := cmp.Diff(map[string]string{"search-api": "", "search-api-old": app.GUID, "service": "", "service-old": service.GUID}, got); diff != "" {
		t.Error(diff)
	}
	if now := s.names.Of(app.GUID, "now"); now != "now" {
		t.Errorf("only a dry run plans a name, and this one is %s", now)
	}
	err := s.names.RenameApp(app, "x").Do(httpclient.WithoutPermit(s.ctx), new(runner.Observation))
	if !errors.Is(err, httpclient.ErrNoPermit) {
		t.Errorf("without a permit: %v", err)
	}
}

// found is a find or owner function with a fixed answer.
func found(guid string, err error) func() (string, error) {
	return func() (string, error) { return guid, err }
}

func TestANameIsFree(t *testing.T) {
	type outcome struct {
		Said, Error string
		Class       runner.Class
	}
	for name, c := range map[string]struct {
		owner, has func() (string, error)
		want       outcome
	}{
		"nothing has it": {found("1", nil), found("", nil), outcome{Said: "nothing has it"}},
		"nothing has it, and the owner is not there": {found("", nil), found("", nil), outcome{Said: "nothing has it"}},
		"it is given already":                        {found("1", nil), found("1", nil), outcome{Said: "it is given already"}},
		"another has it":                             {found("1", nil), found("2", nil), outcome{Class: runner.Refused, Error: "search-api is the name of another (2); rename or remove that first"}},
		"another has it, and the owner is not there": {found("", nil), found("2", nil), outcome{Class: runner.Refused, Error: "search-api is the name of another (2); rename or remove that first"}},
		"the owner cannot be read":                   {found("", errors.New("no owner")), found("", nil), outcome{Class: runner.Failed, Error: "no owner"}},
		"who has it cannot be read":                  {found("1", nil), found("", runner.Depend("no answer")), outcome{Class: runner.Unavailable, Error: "no answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			task := names.Free("search-api", func(_ context.Context, name string) (string, error) {
				if name != "search-api" {
					t.Errorf("looked for is %s", name)
				}
				return c.has()
			}, func(context.Context) (string, error) { return c.owner() })
			o := new(runner.Observation)
			err := task.Do(t.Context(), o)
			got := outcome{Said: o.Said(), Class: runner.ClassOf(err)}
			if err != nil {
				got.Error = err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if task.Name != "the name search-api is free" || task.Effect != runner.Proves {
				t.Errorf("the task is %q, which %s", task.Name, task.Effect)
			}
		})
	}
}
