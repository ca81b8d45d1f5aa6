package sandbox

import (
	"fmt"
	"strconv"
	"time"
)

// Options say how large the sandbox is and how fast. The zero value of a field means its default, unless said otherwise.
type Options struct {
	Stage     string        // preview
	Documents int           // services of G-Cloud 12 that are published; 36,311, as in the real index; negative: none
	Briefs    int           // briefs of all Digital Outcomes frameworks; 1,192; negative: none
	Seed      uint64        // of everything random in the data and the GUIDs: the same seed gives the same world; 1
	Drift     int           // documents in which blue's index differs from the data API; 3; negative: none
	Instances int           // of the live app; 2
	Slots     int           // workers of an instance of the search API; 4
	PutTime   time.Duration // a document's PUT keeps a worker busy so long, unscaled; 25 ms; negative: no time
	Routers   int           // router replicas; 2
	Pace      float64       // scales every delay of the platform: 1 is real time, 0 no delay at all

	RateLimit int // requests that the platform grants a user in an hour, which Pace scales too; 0: no limit

	ProvisionTime time.Duration // of a service by the broker, scaled by Pace; 20 min

	Buildpack string // the live app was pushed with it, not as a docker image

	Like *Like // a copy of that space, not the Digital Marketplace's; its sizes replace the defaults

	Readers    float64 // requests a second that readers send to the live route from the start
	LiveWriter float64 // edits a second that the data API sees from the start

	FaultSet string // name of one of FaultSets, which is armed once the sandbox is ready

	// Certificate is the file to which a new certificate is written. If it is set, the router serves HTTPS too, and Env has
	// the HTTPS addresses and the file, as SSL_CERT_FILE.
	Certificate string

	// Ports on 127.0.0.1; 0 is any.
	PortCFAPI, PortRouter, PortDataAPI, PortControl int
}

// Paces with a name.
const (
	PaceInstant = 0
	PaceQuick   = 0.005 // a broker's 20 minutes are 6 s, a start's 15 s are 75 ms
	PaceSlow    = 0.05  // a broker's 20 minutes are 1 minute, a start's 15 s are 750 ms
	PaceReal    = 1
)

// ParsePace reads a pace: instant, quick, slow, real, or a number.
func ParsePace(text string) (float64, error) {
	switch text {
	case "instant":
		return PaceInstant, nil
	case "quick":
		return PaceQuick, nil
	case "slow":
		return PaceSlow, nil
	case "real":
		return PaceReal, nil
	}
	pace, err := strconv.ParseFloat(text, 64)
	if err != nil || !(pace >= 0 && pace <= 100) { // NaN neither
		return 0, fmt.Errorf("pace %q is neither instant, quick, slow, real nor a number from 0 to 100", text)
	}
	return pace, nil
}

func (o *Options) defaults() {
	if l := o.Like; l != nil {
		o.Stage = l.Stage
		for _, n := range []struct {
			value *int
			there int
		}{{&o.Documents, l.Documents[servicesAlias]}, {&o.Briefs, l.Documents[briefsAlias]}, {&o.Instances, l.live().Instances}} {
			if *n.value == 0 {
				*n.value = n.there
			}
		}
	}
	if o.Stage == "" {
		o.Stage = "preview"
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	for _, n := range []struct {
		value *int
		usual int
	}{{&o.Documents, 36_311}, {&o.Briefs, 1_192}, {&o.Drift, 3}, {&o.Instances, 2}, {&o.Slots, 4}, {&o.Routers, 2}} {
		if *n.value == 0 {
			*n.value = n.usual
		}
		*n.value = max(*n.value, 0)
	}
	switch {
	case o.PutTime == 0:
		o.PutTime = 25 * time.Millisecond
	case o.PutTime < 0:
		o.PutTime = 0
	}
}
