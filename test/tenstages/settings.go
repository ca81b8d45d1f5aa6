package main

import (
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/journal"
)

// deleteOldApp is the value of REMOVE_OLD_APP that deletes blue at once.
const deleteOldApp = "delete"

// settings are the environment variables.
type settings struct {
	Stage string                `env:"STAGE" required:"true" help:"the environment"`
	CF    cloudfoundry.Settings `env:", prefix=CF_"`
	Lease journal.LeaseSettings

	LiveApp        string `env:"LIVE_APP, default=search-api" help:"name of the live app"`
	OldApp         string `env:"OLD_APP, default=search-api-old" help:"name that blue gets"`
	NewApp         string `env:"NEW_APP, default=search-api-new" help:"name of green until it takes the live one"`
	ReleasedApp    string `env:"RELEASED_APP, default=search-api-released" help:"name that a rollback gives to a released app"`
	LiveRoute      string `env:"LIVE_ROUTE, default=dm-search-api-$STAGE.cloudapps.digital" help:"route by which blue is found"`
	TemporaryRoute string `env:"TEMPORARY_ROUTE, default=dm-search-api-new-$STAGE.cloudapps.digital" help:"route of green until it is on the live routes"`
	StatusPath     string `env:"STATUS_PATH, default=/_status?ignore-dependencies" help:"what is asked of an app"`

	RemoveOldApp   string         `env:"REMOVE_OLD_APP, default=stop" help:"stop or delete"`
	DockerUsername string         `env:"DOCKER_USERNAME" help:"user of the image registry"`
	DockerPassword environ.Secret `env:"CF_DOCKER_PASSWORD" help:"password of the image registry"`
	Manifests      string         `env:"MANIFESTS, default=manifests" help:"folder for the manifests"`

	RouterAddress string        `env:"ROUTER_ADDRESS" help:"host:port to connect to for every app"`
	RouteScheme   string        `env:"ROUTE_SCHEME, default=https" help:"scheme of the routes"`
	Routers       int           `env:"ROUTERS, default=6" help:"how many routers the platform has"`
	Drain         time.Duration `env:"DRAIN, default=60s" help:"how long requests in flight may take"`

	WitnessRate     float64       `env:"WITNESS_RATE, default=20" help:"requests a second"`
	WitnessBaseline time.Duration `env:"WITNESS_BASELINE, default=10s" help:"before the first change"`
	WitnessAfter    time.Duration `env:"WITNESS_AFTER, default=10s" help:"after the last change"`

	Poll           time.Duration `env:"POLL_INTERVAL, default=3s" help:"pause between two reads"`
	RetryFor       time.Duration `env:"RETRY_FOR, default=30s" help:"of a change answered with a 5xx"`
	VerifyTimeout  time.Duration `env:"VERIFY_TIMEOUT, default=5m" help:"of a postcondition"`
	RouteTimeout   time.Duration `env:"ROUTE_TIMEOUT, default=3m" help:"of the routers"`
	StartTimeout   time.Duration `env:"START_TIMEOUT, default=10m" help:"of an app's start"`
	ReleaseTimeout time.Duration `env:"RELEASE_TIMEOUT, default=30m" help:"of the release"`
}

func (s settings) names() bluegreen.Names {
	return bluegreen.Names{
		LiveApp: s.LiveApp, OldApp: s.OldApp, NewApp: s.NewApp, ReleasedApp: s.ReleasedApp,
		LiveRoute: s.LiveRoute, TemporaryRoute: s.TemporaryRoute,
	}
}

// fixed are the settings that must not change during a run.
func (s settings) fixed() map[string]string {
	return map[string]string{
		"STAGE": s.Stage, "LIVE_APP": s.LiveApp, "OLD_APP": s.OldApp, "NEW_APP": s.NewApp, "RELEASED_APP": s.ReleasedApp,
		"LIVE_ROUTE": s.LiveRoute, "TEMPORARY_ROUTE": s.TemporaryRoute,
	}
}
