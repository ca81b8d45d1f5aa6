package platform

import (
	"math/rand"
	"net/http"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// Options are the parts of a platform, and how slow it is. Durations are scaled by the clock. Zero means the default, which
// is how long the real platform takes; negative means none.
type Options struct {
	Clock    *clock.Clock
	Faults   *faults.Engine // nil: nothing is recorded, nothing fails
	Programs diego.Programs
	Broker   Broker
	Routers  int        // router replicas; default 2
	Rand     *rand.Rand // GUIDs and the spread of delays; default seeded with 1
	URL      string     // the API's own address in links; default: the Host of each request

	// Bits is the image whose program runs what is uploaded and staged by a buildpack.
	Bits string
	// RegistryAuth reports whether these credentials may pull an image from the registry; nil: all may.
	RegistryAuth func(image, username, password string) bool
	// RouteService judges a request that passes a route service. Status 0 passes the request on; nil passes all on.
	RouteService func(url string, r *http.Request) (status int, body string)

	JobTime                  time.Duration // a job of the Cloud Controller takes between one and three of it; default 1 s
	StageTime                time.Duration // staging of a docker image; default 20 s
	StartTime                time.Duration // creating a container and starting its program; default 15 s
	StopGrace                time.Duration // between SIGTERM and SIGKILL; default 10 s
	ProvisionTime            time.Duration // the broker's creation; default 20 min
	DeprovisionTime          time.Duration // the broker's deletion; default 3 min
	TaskTime                 time.Duration // a task; default 5 s
	RouteLagMin              time.Duration // from a change of routes to one router replica's table; default 0.5 s
	RouteLagMax              time.Duration // default 5 s
	RouteLoss                float64       // share of withdrawals that do not reach a router, which prunes after 120 to 150 s; default 0
	LogLag                   time.Duration // a log line can be read between 0 and this later; default 2 s
	LogLoss                  float64       // share of log lines that never arrive; default 0
	LogKeep                  int           // lines kept for each app; default 20,000
	EmptyPool503             bool          // a route that has lost its last container answers 503 no_endpoints instead of 404
	AsyncUnbind              bool          // the broker unbinds asynchronously: the first job that deletes what is bound fails
	RateLimit                int           // requests of a user in an hour; 0: no limit, as is usual
	RateLimitUnauthenticated int           // and of an address, without a token

	IdleTimeout time.Duration // the routers close a kept connection that is idle for so long; default 15 min
	TokenLife   time.Duration // of access tokens; default 10 min, never under 2 min in real time
}

func (o *Options) defaults() {
	if o.Clock == nil {
		o.Clock = clock.New(1)
	}
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewSource(1))
	}
	if o.Routers == 0 {
		o.Routers = 2
	}
	if o.LogKeep == 0 {
		o.LogKeep = 20_000
	}
	for _, d := range []struct {
		value *time.Duration
		real  time.Duration
	}{
		{&o.JobTime, time.Second},
		{&o.StageTime, 20 * time.Second},
		{&o.StartTime, 15 * time.Second},
		{&o.StopGrace, 10 * time.Second},
		{&o.ProvisionTime, 20 * time.Minute},
		{&o.DeprovisionTime, 3 * time.Minute},
		{&o.TaskTime, 5 * time.Second},
		{&o.RouteLagMin, 500 * time.Millisecond},
		{&o.RouteLagMax, 5 * time.Second},
		{&o.LogLag, 2 * time.Second},
		{&o.IdleTimeout, 15 * time.Minute},
		{&o.TokenLife, 10 * time.Minute},
	} {
		switch {
		case *d.value == 0:
			*d.value = d.real
		case *d.value < 0:
			*d.value = 0
		}
	}
}
