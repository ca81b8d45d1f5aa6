// Command sandbox serves an in-memory Cloud Foundry with the Digital Marketplace's search API, Elasticsearch and data
// API on loopback, for rehearsals and tests.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// memory is the limit, in bytes, from which the garbage collector runs more often. With full data, a third of it is live.
const memory = 600 << 20

func main() {
	debug.SetMemoryLimit(memory)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

type flags struct {
	Stage     string `default:"preview" help:"Stage whose names are used: preview, staging, production."`
	Documents *int   `placeholder:"36311" help:"Published services of G-Cloud 12."`
	Briefs    *int   `placeholder:"1192" help:"Briefs of all Digital Outcomes frameworks, without drafts."`
	Seed      uint64 `default:"1" help:"Seed of the random data: the same seed gives the same data."`
	Drift     int    `default:"3" help:"Documents in which blue's index differs from the data API."`

	Instances     *int          `placeholder:"2" help:"Instances of the live app."`
	Slots         int           `default:"4" help:"Workers of each instance of the search API."`
	PutTime       time.Duration `default:"25ms" help:"How long a PUT of a document keeps a worker busy; not scaled by --pace."`
	Routers       int           `default:"2" help:"Router replicas, each with its own routing table."`
	Pace          string        `default:"quick" help:"Scales every delay of the platform: instant (0), quick (${quick}), slow (${slow}), real (1), or a number."`
	ProvisionTime time.Duration `default:"20m" help:"How long the broker takes to create a service; scaled by --pace."`
	RateLimit     int           `placeholder:"N" help:"Limit of requests to the platform for each user in an hour, which is scaled by --pace. More are answered 429, with a Retry-After until the hour is over."`

	Readers    float64 `default:"0" placeholder:"RATE" help:"Requests a second that readers send to the live route, from the start."`
	LiveWriter float64 `default:"0" placeholder:"RATE" help:"Edits a second made through the data API, from the start."`

	Buildpack string `placeholder:"NAME" help:"The live app was pushed with this buildpack, as python_buildpack, not as a docker image."`

	Like   string `placeholder:"FILE" help:"Copy the space that cutover elasticsearch check-release --export has written to this file: its names, apps, routes, services and sizes."`
	Faults string `placeholder:"NAME" help:"Set of random faults to inject: one of the names at the end."`

	PortCFAPI   int `name:"port-cf-api" default:"0" help:"Port of the Cloud Foundry API, the UAA and the logs; 0 is any."`
	PortRouter  int `default:"0" help:"Port of the router, which serves the hosts of all apps; 0 is any."`
	PortDataAPI int `name:"port-data-api" default:"0" help:"Port of the data API; 0 is any."`
	PortControl int `default:"0" help:"Port of the control API; 0 is any."`

	HTTPS            string `name:"https" placeholder:"FILE" help:"Serve the routes over HTTPS too, with a new certificate that is written to this file. The addresses in env are then https."`
	EnvFile          string `placeholder:"FILE" help:"Write the variables that cutover needs to this file, as export lines, and CONTROL, the address of the control API."`
	UntilStdinCloses bool   `help:"Exit when standard input is closed, which it is when the process that started this one ends."`
}

const description = `An in-memory Cloud Foundry with its router, the search API and the data API, on loopback, for rehearsals and tests.

When it is ready, it prints one line of JSON: addresses, credentials, and env, the variables that cutover needs. It runs until it is interrupted.`

const example = `
Example, a rehearsal in two terminals:

  sandbox --documents 2000 --readers 50 --env-file /tmp/sandbox.env
  . /tmp/sandbox.env && DRY_RUN=false cutover elasticsearch check-release

A rehearsal with the names, routes and sizes of your own space (nothing is written there, and no secret is exported):

  cutover elasticsearch check-release --export space.json
  sandbox --like space.json --env-file /tmp/sandbox.env

The control API changes a running sandbox ("control" among the addresses, CONTROL in the env file):

  curl $CONTROL/_sandbox                 this sandbox's addresses and env
  curl $CONTROL/_sandbox/load            requests that the readers have made, and failures
  curl -d '{"rate":200}' $CONTROL/_sandbox/load
  curl $CONTROL/_sandbox/writes          every write, in order
  curl $CONTROL/_sandbox/snapshot        the state of everything
  curl "$CONTROL/_sandbox/compare?service=search_api_elasticsearch_new"   its indices against the data API
  curl $CONTROL/_sandbox/workers         how busy the search API's workers are
  curl -d '{"slots":2,"put_time":"50ms","read_time":"25ms"}' $CONTROL/_sandbox/workers
  curl -d '{"move":"24h"}' $CONTROL/_sandbox/clock
  curl -d '{"rate":5}' $CONTROL/_sandbox/edit
  curl -d '{"image":"digitalmarketplace/search-api:release-1235"}' $CONTROL/_sandbox/release
  curl -d '{"service":"search_api_elasticsearch_new","outage":"down"}' $CONTROL/_sandbox/engine
  curl -d '{"fail_next_creation":"no capacity"}' $CONTROL/_sandbox/engine
  curl -d '{"replica":0,"deaf":true}' $CONTROL/_sandbox/router
  curl -d '{"requests":200}' $CONTROL/_sandbox/limit           limit of requests for each user in an hour; GET shows how many were refused
  curl -d '{"kind":"hold","writes_only":true,"n":3}' $CONTROL/_sandbox/faults
  curl "$CONTROL/_sandbox/faults/f1?wait=held&timeout_ms=60000"
  curl -d '{"action":"drop"}' $CONTROL/_sandbox/faults/f1/release

Kinds of fault: hold, hold-after, error-before, error-after, drop-before, drop-after, cut, delay. A fault hits the requests that
match place (cloud-controller, uaa, log-cache, router, search-api, data-api), app, method, path, query, user_agent (the
last three are regular expressions) and writes_only, from the n-th on, at most "times" requests, with a probability drawn
from a seed. Errors have status, body and headers, a delay has delay_ms. Sets of faults:

`

// run is main with everything passed in. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var f flags
	exited := -1
	parser, err := kong.New(&f, kong.Name("sandbox"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Vars{"quick": fmt.Sprint(sandbox.PaceQuick), "slow": fmt.Sprint(sandbox.PaceSlow)},
		kong.Exit(func(code int) { exited = code }),
		kong.Help(func(o kong.HelpOptions, ctx *kong.Context) error {
			if err := kong.DefaultHelpPrinter(o, ctx); err != nil {
				return err
			}
			if _, err := io.WriteString(ctx.Stdout, example); err != nil {
				return err
			}
			for _, n := range sandbox.FaultSets(1) {
				fmt.Fprintf(ctx.Stdout, "  --faults %-14s %s\n", n.Name, n.About)
			}
			return nil
		}))
	if err != nil {
		panic(err) // the flags above are wrong
	}
	_, err = parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	var o sandbox.Options
	if err == nil {
		o, err = f.options()
	}
	if err != nil {
		fmt.Fprintf(stderr, "sandbox: %v\n", err)
		return 2
	}
	if f.UntilStdinCloses {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() {
			defer cancel()
			_, _ = io.Copy(io.Discard, stdin)
		}()
	}
	if err := serve(ctx, o, f.EnvFile, stdout); err != nil {
		fmt.Fprintf(stderr, "sandbox: %v\n", err)
		return 1
	}
	return 0
}

func (f flags) options() (sandbox.Options, error) {
	pace, err := sandbox.ParsePace(f.Pace)
	if err != nil {
		return sandbox.Options{}, err
	}
	for _, n := range []struct {
		flag  string
		value float64
	}{
		{"documents", float64(valueOr(f.Documents, 1))},
		{"briefs", float64(valueOr(f.Briefs, 1))},
		{"drift", float64(f.Drift)},
		{"put-time", float64(f.PutTime)},
		{"provision-time", float64(f.ProvisionTime)},
		{"rate-limit", float64(f.RateLimit)},
		{"readers", f.Readers},
		{"live-writer", f.LiveWriter},
		{"instances", float64(valueOr(f.Instances, 1)) - 1},
		{"slots", float64(f.Slots) - 1},
		{"routers", float64(f.Routers) - 1},
	} {
		if n.value < 0 {
			return sandbox.Options{}, fmt.Errorf("--%s is too small", n.flag)
		}
	}
	known := func(n sandbox.FaultSet) bool { return n.Name == f.Faults }
	if f.Faults != "" && !slices.ContainsFunc(sandbox.FaultSets(f.Seed), known) {
		return sandbox.Options{}, fmt.Errorf("--faults %s is unknown: --help lists the sets", f.Faults)
	}
	o := sandbox.Options{
		Stage: f.Stage, Documents: sizeOption(f.Documents), Briefs: sizeOption(f.Briefs), Seed: f.Seed, Drift: zeroAsNone(f.Drift),
		Instances: valueOr(f.Instances, 0), Slots: f.Slots, PutTime: zeroAsNone(f.PutTime), Routers: f.Routers, Pace: pace,
		ProvisionTime: zeroAsNone(f.ProvisionTime), RateLimit: f.RateLimit, Readers: f.Readers, LiveWriter: f.LiveWriter, FaultSet: f.Faults,
		Certificate: f.HTTPS, Buildpack: f.Buildpack,
		PortCFAPI: f.PortCFAPI, PortRouter: f.PortRouter, PortDataAPI: f.PortDataAPI, PortControl: f.PortControl,
	}
	if f.Like != "" {
		if o.Like, err = sandbox.ReadLike(f.Like); err != nil {
			return sandbox.Options{}, fmt.Errorf("--like: %w", err)
		}
	}
	return o, nil
}

// valueOr is the number that was typed, or another if none was.
func valueOr(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

// sizeOption is the number that was typed, or 0, which leaves it to the options.
func sizeOption(n *int) int {
	if n == nil {
		return 0
	}
	return zeroAsNone(*n)
}

// zeroAsNone turns a 0 that was typed into -1, which means none in the options; there, 0 means the default.
func zeroAsNone[T int | time.Duration](n T) T {
	if n == 0 {
		return -1
	}
	return n
}

func serve(ctx context.Context, o sandbox.Options, envFile string, stdout io.Writer) error {
	s, err := sandbox.Start(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close()
	if envFile != "" {
		env := s.Env()
		env["CONTROL"] = s.ControlURL // for people: cutover does not use it
		if err := os.WriteFile(envFile, []byte(sandbox.Exports(env)), 0o600); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(stdout).Encode(s.Ready()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
