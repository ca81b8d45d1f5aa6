package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The sandbox's secrets. They protect nothing.
const (
	cfUser         = "cutover@example.com"
	cfPassword     = "sandbox-cf-password"
	cfClient       = "cutover"
	cfClientSecret = "sandbox-cf-client-secret"
	dataToken      = "sandbox-data-api-token"
	searchToken    = "sandbox-search-api-token"
	dockerUser     = "sandbox-docker"
	dockerPassword = "sandbox-docker-password"

	pipelinePassword = "sandbox-pipeline-password"
)

// The names of the live app's world, as they are at the Digital Marketplace.
const (
	appDomain     = "cloudapps.digital"
	liveApp       = "search-api"
	blueService   = "search_api_elasticsearch"
	servicesAlias = "g-cloud-12"
	briefsAlias   = "briefs-digital-outcomes-and-specialists"
)

// The names in this sandbox: those above, unless it copies another space.

func (o Options) liveHost() string {
	if o.Like != nil {
		host, _, _ := strings.Cut(o.Like.LiveRoute, "/")
		return host
	}
	return "dm-search-api-" + o.Stage + "." + appDomain
}

func (o Options) liveApp() string {
	if o.Like != nil {
		return o.Like.LiveApp
	}
	return liveApp
}

func (o Options) blueService() string {
	if o.Like != nil {
		return o.Like.Service
	}
	return blueService
}

func (o Options) domains() []string {
	if o.Like != nil {
		return o.Like.Domains
	}
	return []string{appDomain}
}

// makeEnv is every variable that a client of this sandbox needs: addresses, credentials, and how long it has to wait at
// this pace.
func makeEnv(o Options, a Addresses) map[string]string {
	suffix := "_" + strings.ToUpper(o.Stage)
	scaled := func(undelayed, atLeast time.Duration) string {
		return max(time.Duration(float64(undelayed)*o.Pace), atLeast).String()
	}
	env := map[string]string{
		"STAGE":                        o.Stage,
		"CF_API":                       a.CFAPI,
		"CF_ORG":                       "digitalmarketplace",
		"CF_SPACE":                     o.Stage,
		"CF_USERNAME":                  cfUser,
		"CF_PASSWORD":                  cfPassword,
		"DATA_API_URL":                 a.DataAPI,
		"DM_DATA_API_TOKEN" + suffix:   dataToken,
		"DM_SEARCH_API_TOKEN" + suffix: searchToken,
		"SEARCH_API_URL":               "http://" + o.liveHost(),
		"ROUTER_ADDRESS":               a.Router,
		"ROUTE_SCHEME":                 "http",
		"ROUTERS":                      strconv.Itoa(o.Routers),
		"SEARCH_API_WORKERS":           strconv.Itoa(o.Slots),
		"SERVICE_PLAN":                 "small-ha-7.x",
		"DOCKER_USERNAME":              dockerUser,
		"CF_DOCKER_PASSWORD":           dockerPassword,
		"DRAIN":                        scaled(60*time.Second, 0),
		"POLL_INTERVAL":                scaled(3*time.Second, 20*time.Millisecond),
		"RETRY_FOR":                    scaled(30*time.Second, time.Second),
		"LEASE_HEARTBEAT":              scaled(30*time.Second, 500*time.Millisecond),
		"LEASE_STALE_AFTER":            scaled(120*time.Second, 2*time.Second),
		"ROUTE_TIMEOUT":                scaled(3*time.Minute, 5*time.Second),
		"RELEASE_TIMEOUT":              scaled(30*time.Minute, time.Second),
		"WITNESS_BASELINE":             scaled(10*time.Second, 100*time.Millisecond),
		"WITNESS_AFTER":                scaled(10*time.Second, 100*time.Millisecond),
		"WITNESS_RATE":                 "100",
		"START_TIMEOUT":                scaled(10*time.Minute, 10*time.Second),
	}
	if l := o.Like; l != nil {
		maps.Copy(env, l.Settings)
		for name, value := range map[string]string{
			"CF_ORG": l.Org, "CF_SPACE": l.Space, "LIVE_APP": l.LiveApp, "LIVE_ROUTE": l.LiveRoute, "SERVICE": l.Service,
			"SERVICE_OFFERING": l.Offering, "SERVICE_VARIABLE": l.Variable,
		} {
			env[name] = value
		}
	}
	if o.Certificate != "" {
		env["SEARCH_API_URL"] = "https://" + o.liveHost()
		env["ROUTER_ADDRESS"], env["ROUTE_SCHEME"] = a.RouterHTTPS, "https"
		env["SSL_CERT_FILE"] = o.Certificate
	}
	return env
}

// Exports is an environment as lines that a shell can source.
func Exports(env map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(env[name], "'", `'\''`))
	}
	return b.String()
}
