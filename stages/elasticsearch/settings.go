package elasticsearch

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/journal"
)

// Settings are the environment variables of the Elasticsearch runbook. The
// defaults are the Digital Marketplace's own names, so that STAGE and the
// credentials are enough there.
type Settings struct {
	Stage string `env:"STAGE" required:"true" help:"the environment: preview, staging or production"`

	CF cloudfoundry.Settings `env:", prefix=CF_"`

	DataAPI        string         `env:"DATA_API_URL" help:"address of the data API; by default the Digital Marketplace's in STAGE"`
	DataAPIToken   environ.Secret `env:"DM_DATA_API_TOKEN" perstage:"true" required:"true" help:"token of the data API"`
	SearchAPI      string         `env:"SEARCH_API_URL" help:"address at which people and scripts reach the live search API; by default the Digital Marketplace's in STAGE"`
	SearchAPIToken environ.Secret `env:"DM_SEARCH_API_TOKEN" perstage:"true" required:"true" help:"token of the search API"`

	Names
	Creation
	Indexing
	Routing
	Waiting
	Witness
	Ending
	Approval

	Lease journal.LeaseSettings
}

// Names are the names on the platform.
type Names struct {
	LiveApp         string `env:"LIVE_APP, default=search-api" help:"name of the live app"`
	LiveRoute       string `env:"LIVE_ROUTE, default=dm-search-api-$STAGE.cloudapps.digital" help:"route by which the live app is found; its other routes, with paths too, are moved along"`
	Service         string `env:"SERVICE, default=search_api_elasticsearch" help:"name of the live app's Elasticsearch service"`
	OldApp          string `env:"OLD_APP, default=search-api-old" help:"name that blue, the live app, gets when it is replaced"`
	OldService      string `env:"OLD_SERVICE, default=search_api_elasticsearch_old" help:"name that blue's service gets"`
	NewApp          string `env:"NEW_APP, default=elasticsearch-migration" help:"name of green, the app that is built beside the live one, until it takes the live name"`
	TemporaryRoute  string `env:"TEMPORARY_ROUTE, default=dm-elasticsearch-migration-$STAGE.cloudapps.digital" help:"route of green until it is on the live routes"`
	PrivateRoute    string `env:"PRIVATE_ROUTE, default=dm-search-api-rollback-$STAGE.cloudapps.digital" help:"route of blue alone while a rollback catches it up; deleted when it serves again"`
	NewService      string `env:"NEW_SERVICE, default=search_api_elasticsearch_new" help:"name of green's Elasticsearch service until it takes SERVICE"`
	ReleasedApp     string `env:"RELEASED_APP, default=search-api-released" help:"name that a rollback from after step 18 gives to the app that was released, which it unmaps from the live routes and never deletes"`
	ReleasedService string `env:"RELEASED_SERVICE, default=search_api_elasticsearch_released" help:"name that such a rollback gives to that app's service, which stays too"`
	ServiceVar      string `env:"SERVICE_VARIABLE, default=DM_ELASTICSEARCH_SERVICE_NAME" help:"variable that tells the app its service's name"`
}

// Creation says what is created: the service and the app.
type Creation struct {
	Offering       string         `env:"SERVICE_OFFERING, default=elasticsearch" help:"offering in the marketplace"`
	Plan           string         `env:"SERVICE_PLAN" help:"plan of the new service, as cf marketplace -e elasticsearch lists it; needed by 1 and 2"`
	Parameters     string         `env:"SERVICE_PARAMETERS" help:"JSON parameters for the creation of the new service"`
	Release        string         `env:"RELEASE" help:"release to push, as a tag of the live app's image: release-1234; by default green gets a copy of what is live"`
	Image          string         `env:"IMAGE" help:"docker image of green; by default green gets a copy of what is live"`
	DockerUsername string         `env:"DOCKER_USERNAME" help:"user of the image registry, if it needs one, for RELEASE, IMAGE and a blue that was deleted"`
	Repository     string         `env:"RELEASE_REPOSITORY" help:"git address of the live app's source; where set, the live release must be the newest of its main branch"`
	MainBranch     string         `env:"MAIN_BRANCH, default=main" help:"name of that branch"`
	SmokeTest      string         `env:"SMOKE_TEST" help:"shell command that tests green before it gets live traffic; SMOKE_TEST_URL has its address, and the exit code decides"`
	NoParameters   string         `env:"NO_PARAMETERS" help:"services, with commas between, whose bindings have no parameters, where the platform does not show them"`
	DockerPassword environ.Secret `env:"CF_DOCKER_PASSWORD" help:"password of the image registry"`
	Manifests      string         `env:"MANIFESTS, default=manifests" help:"folder for the two manifests, for eyes only: never archive it"`
}

// Indexing says what is indexed, and how hard.
type Indexing struct {
	Indices     string `env:"INDICES" help:"JSON list of what is indexed, each {alias, kind, frameworks, mapping}; by default the Digital Marketplace's"`
	DropIndices string `env:"DROP_INDICES" help:"indices or aliases, with commas between, that the live app serves and green need not"`
	Concurrency int    `env:"CONCURRENCY, default=128" help:"ceiling of documents put at the same time; the program finds the best number below it"`
	MaxFailed   int    `env:"MAX_FAILED, default=0" help:"documents of an index that may fail before filling it or catching up stops; each is recorded, named by every later stage, and not expected to be there"`
	MaxRemovals int    `env:"MAX_REMOVALS, default=-1" help:"documents that a reindex may remove; -1 is 1 % of the index and at least 10, 0 is none"`
	Rate        int    `env:"RATE" help:"ceiling of documents put a second; by default none. the run's annotation rate overrides it while a stage runs"`
	Workers     int    `env:"SEARCH_API_WORKERS, default=4" help:"requests that one instance of the search API answers at once; where people use it, half of them stay theirs"`
}

// Routing says how apps are reached.
type Routing struct {
	RouterAddress string        `env:"ROUTER_ADDRESS" help:"host:port to connect to for every app, with the Host kept: one chosen router, or a rehearsal"`
	RouteScheme   string        `env:"ROUTE_SCHEME, default=https" help:"scheme of the apps' routes"`
	Routers       int           `env:"ROUTERS, default=6" help:"how many routers the platform has; decides how many fresh connections prove a route"`
	Drain         time.Duration `env:"DRAIN, default=60s" help:"how long requests in flight may take after a route is unmapped"`
}

// Witness says how the live address is watched while it changes.
type Witness struct {
	WitnessRate     float64       `env:"WITNESS_RATE, default=20" help:"requests a second that the witness sends to the live address during a switch; halved where they slow it down"`
	WitnessBaseline time.Duration `env:"WITNESS_BASELINE, default=10s" help:"how long it asks before the first change"`
	WitnessAfter    time.Duration `env:"WITNESS_AFTER, default=10s" help:"how long it goes on after the last change"`
	OnBreach        string        `env:"ON_BREACH, default=back" help:"what a failed live request causes during a switch: back (revert to blue) or hold (the live routes are left as they are)"`
}

// Waiting holds the deadlines and the pace.
type Waiting struct {
	Poll           time.Duration `env:"POLL_INTERVAL, default=3s" help:"pause between two reads of something awaited"`
	RetryFor       time.Duration `env:"RETRY_FOR, default=30s" help:"how long a change that was answered with a 5xx is read back and tried again"`
	VerifyTimeout  time.Duration `env:"VERIFY_TIMEOUT, default=5m" help:"how long a postcondition is awaited"`
	RouteTimeout   time.Duration `env:"ROUTE_TIMEOUT, default=3m" help:"how long the routers may take to follow a change of routes"`
	StartTimeout   time.Duration `env:"START_TIMEOUT, default=10m" help:"how long an app may take to start"`
	CreateTimeout  time.Duration `env:"CREATE_TIMEOUT, default=12h" help:"how long the broker may take to create or delete the service"`
	ReleaseTimeout time.Duration `env:"RELEASE_TIMEOUT, default=30m" help:"how long step 18 waits for the release"`
	CatchUpTimeout time.Duration `env:"CATCH_UP_TIMEOUT, default=15m" help:"how long one catch-up may take"`
}

// Ending says what becomes of blue.
type Ending struct {
	AlsoBound    string        `env:"ALSO_BOUND" help:"apps and service keys, with commas between, that may use an Elasticsearch service when it is renamed, besides its own app"`
	RemoveOldApp string        `env:"REMOVE_OLD_APP, default=stop" help:"what step 17 does to blue: stop keeps it, stopped, for a quick rollback until step 20; delete deletes it, and a rollback rebuilds it"`
	Hold         time.Duration `env:"HOLD_OLD_SERVICE_FOR, default=0s" help:"how long after step 17 blue's service is kept before step 20 may delete it"`
}

// Approval says which plan was approved, and by whom.
type Approval struct {
	PlanDigest string `env:"PLAN_DIGEST" help:"digest of the plan that was approved, as plan prints it: every stage refuses where the world is neither that of the plan nor what its own stages made of it"`
	ApprovedBy string `env:"APPROVED_BY" help:"who approved it, for the record"`
}

// indices are the entries of INDICES, or the Digital Marketplace's own.
func (s *Settings) indices() ([]indexer.Index, error) {
	if s.Indices == "" {
		return indexer.Defaults(s.Stage), nil
	}
	return indexer.ParseIndices(s.Indices)
}

// house is an address of the Digital Marketplace (its deployment variables, 2021-01).
func (s *Settings) house(service string) string {
	if s.Stage == "production" {
		return "https://" + service + ".digitalmarketplace.service.gov.uk"
	}
	return "https://" + service + "." + s.Stage + ".marketplace.team"
}

func (s *Settings) dataAPI() string {
	if s.DataAPI != "" {
		return s.DataAPI
	}
	return s.house("api")
}

func (s *Settings) searchAPI() string {
	if s.SearchAPI != "" {
		return s.SearchAPI
	}
	return s.house("search-api")
}

// fixed are the settings that must not change during a run; a job that does not
// know one (the nightly one has no plan) leaves it empty.
func (s *Settings) fixed() map[string]string {
	indices, _ := s.indices()
	listed, _ := json.Marshal(indices)
	return map[string]string{
		"STAGE": s.Stage, "LIVE_APP": s.LiveApp, "LIVE_ROUTE": s.LiveRoute, "SERVICE": s.Service,
		"OLD_APP": s.OldApp, "OLD_SERVICE": s.OldService, "SERVICE_VARIABLE": s.ServiceVar,
		"NEW_APP": s.NewApp, "NEW_SERVICE": s.NewService, "TEMPORARY_ROUTE": s.TemporaryRoute,
		"RELEASED_APP": s.ReleasedApp, "RELEASED_SERVICE": s.ReleasedService,
		"SERVICE_OFFERING": s.Offering, "SERVICE_PLAN": s.Plan, "SERVICE_PARAMETERS": s.Parameters, "IMAGE": s.Image, "RELEASE": s.Release, "INDICES": string(listed),
	}
}

// names are those of the platform, as the packages of bluegreen take them.
func (s *Settings) names() bluegreen.Names {
	return bluegreen.Names{
		LiveApp: s.LiveApp, OldApp: s.OldApp, NewApp: s.NewApp, ReleasedApp: s.ReleasedApp,
		LiveRoute: s.LiveRoute, TemporaryRoute: s.TemporaryRoute, PrivateRoute: s.PrivateRoute,
		Service: s.Service, OldService: s.OldService, NewService: s.NewService, ReleasedService: s.ReleasedService,
		ServiceVariable: s.ServiceVar,
	}
}

// image is green's docker image, where blue's is this one.
func (s *Settings) image(blue string) string {
	switch {
	case s.Image != "":
		return s.Image
	case s.Release != "":
		return tagged(blue, s.Release)
	}
	return blue
}

// perStage is a variable that each environment has its own of.
func (s *Settings) perStage(variable string) string {
	return variable + "_" + strings.ToUpper(strings.ReplaceAll(s.Stage, "-", "_"))
}

// list splits a setting at its commas.
func list(text string) []string {
	var all []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
