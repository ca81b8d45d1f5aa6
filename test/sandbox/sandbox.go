// Package sandbox is an in-memory stand-in for everything that an upgrade talks to, over real HTTP on loopback: a Cloud
// Foundry with its UAA, service broker, routers and logs, the search API with an Elasticsearch behind each of its services,
// and the data API.
//
// Start puts the parts together (packages platform, search, data and pipeline; all use clock and faults) as the space of the
// Digital Marketplace, with the live search API indexed and serving. There are four addresses: the Cloud Foundry API (which
// answers for the UAA and log-cache too), the router (send it an app's host name), the data API, and the control API, with
// which a tester controls the sandbox:
//
//	GET    /_sandbox            200 Ready: addresses, credentials, env
//	GET    /_sandbox/snapshot   {"platform":…,"search":…}: the whole state, in a stable order
//
//	GET    /_sandbox/compare    ?service=search_api_elasticsearch_new (default search_api_elasticsearch): {"g-cloud-12":
//	                            search.Difference,…}, its indices against the data API, document by document
//
//	POST   /_sandbox/load       {"rate":200} starts readers on the live route, with a fresh tally; 201 Tally
//	GET    /_sandbox/load       200 Tally: sent, failed, by app, by status, first failures, p50, p99
//	DELETE /_sandbox/load       stops them; 200 Tally
//
//	POST   /_sandbox/edit       {"kind":"unpublish-service","id":"…"}, a data.Edit, makes one edit; without an id of some
//	                            object it applies to, {} makes any edit; 200 data.Edited, 400 if nothing can be edited so.
//	                            {"rate":5} starts a live writer, {"rate":0} stops it; 201 WriterTally
//	GET    /_sandbox/edit       200 WriterTally
//	DELETE /_sandbox/edit       stops the live writer; 200 WriterTally
//
//	POST   /_sandbox/release    {"app":"search-api","image":"digitalmarketplace/search-api:release-1235"} runs the release
//	                            pipeline and answers when it has ended; 200 pipeline.Run, 409 if it failed; 202 at once with
//	                            "background":true. "manifest":{"env":{…},"services":{"search_api_elasticsearch":"another"}}
//	                            puts a mistake into the manifest that it uses
//	GET    /_sandbox/release    200 [pipeline.Run…]
//
//	POST   /_sandbox/engine     {"service":"search_api_elasticsearch_new","outage":"down"} makes an Elasticsearch fail: down,
//	                            hanging, unavailable, full, read-only, bad-gateway; low-disk is its app's; "" ends it.
//	                            {"fail_next_creation":"words"} makes the broker's next creation fail with them; 200 the same
//
//	GET    /_sandbox/limit      200 {"requests":200,"refused":3}: the platform's hourly limit for a user, and what it has refused
//	POST   /_sandbox/limit      {"requests":200} sets it, 0 lifts it, and counts from zero; 200 the same
//	POST   /_sandbox/router     {"replica":0,"deaf":true} keeps all changes of routes from one router, until false; 200 the same
//
//	GET    /_sandbox/workers    200 Workers: how busy the search API's workers are, app by app; connections. With ?forget the
//	                            peaks start again from now
//	POST   /_sandbox/workers    {"slots":4,"put_time":"50ms","read_time":"5ms"} changes how many workers an instance of the search
//	                            API has, and how long a document's PUT and any other request keep one busy; 200 Workers
//
//	GET    /_sandbox/clock      200 {"now":"…","moved":"24h0m0s","pace":0.005}
//	POST   /_sandbox/clock      {"move":"24h"} shifts the time of day; 200 the same
//
//	…      /_sandbox/faults     what is to go wrong: see faults.Engine.Handler
//	GET    /_sandbox/writes     every write to the platform or an index, in order: see faults.Write
//
// Errors of the control API are {"error":"…"} with 400, 404 or 409.
package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/pipeline"
)

// Addresses are where the sandbox answers.
type Addresses struct {
	CFAPI  string `json:"cf_api"`
	Router string `json:"router"` // host:port; the hosts of the apps are reached through it
	// RouterHTTPS is the same over HTTPS, where there is a certificate.
	RouterHTTPS string `json:"router_https,omitempty"`

	DataAPI string `json:"data_api"`
	Control string `json:"control"`
}

// Ready describes a sandbox that answers: where it is, and how to log in.
type Ready struct {
	Ready       bool              `json:"ready"`
	Addresses   Addresses         `json:"addresses"`
	Credentials map[string]string `json:"credentials"`
	Env         map[string]string `json:"env"`
}

// Sandbox is a running sandbox.
type Sandbox struct {
	ControlURL string

	options   Options
	addresses Addresses
	clock     *clock.Clock
	faults    *faults.Engine
	world     *world
	load      *load
	writer    *liveWriter
	releases  *pipeline.Runs

	connections connections
	reading     reading

	cancel  context.CancelFunc
	closing sync.Once
	servers []*http.Server
}

// Start assembles a sandbox and returns when everything in it answers. It runs until Close, or until ctx is done.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	o.defaults()
	ctx, cancel := context.WithCancel(ctx)
	s := &Sandbox{options: o, clock: clock.New(o.Pace), cancel: cancel}
	s.faults = faults.New(s.clock)
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	context.AfterFunc(ctx, s.Close)
	return s, nil
}

func (s *Sandbox) start(ctx context.Context) error {
	o := s.options
	ports := []int{o.PortCFAPI, o.PortRouter, o.PortDataAPI, o.PortControl}
	if o.Certificate != "" {
		ports = append(ports, 0)
	}
	listeners := make([]net.Listener, len(ports))
	for i, port := range ports {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			for _, open := range listeners[:i] {
				_ = open.Close()
			}
			return err
		}
		listeners[i] = l
	}
	at := func(i int) string { return listeners[i].Addr().String() }
	s.addresses = Addresses{CFAPI: "http://" + at(0), Router: at(1), DataAPI: "http://" + at(2), Control: "http://" + at(3)}
	s.ControlURL = s.addresses.Control
	if o.Certificate != "" {
		s.addresses.RouterHTTPS = at(4)
	}

	s.load = &load{
		router: s.addresses.Router, host: o.liveHost(), token: searchToken,
		index: servicesAlias, docType: "services", now: s.clock.Now,
	}
	w, err := newWorld(o, s.addresses, s.clock, s.faults)
	if err != nil {
		return err
	}
	s.world = w
	s.writer = &liveWriter{edits: w.data, life: ctx}
	s.releases = pipeline.NewRuns(ctx, w.pipeline.Release)
	s.serve(listeners[0], &http.Server{Handler: w.platform.API()})
	router := w.platform.Router()
	router.ConnState = s.connections.state
	s.serve(listeners[1], router)
	s.serve(listeners[2], &http.Server{
		Handler:     s.reading.wrap(w.data),
		IdleTimeout: s.clock.Scale(30 * time.Second), // the image's nginx: keepalive_timeout
	})
	s.serve(listeners[3], &http.Server{Handler: s.control()})
	if o.Certificate != "" {
		if err := s.serveHTTPS(listeners[4]); err != nil {
			return err
		}
	}
	if o.AppCommand == "" { // A real one is healthy, and answers what it answers.
		if err := w.awaitLiveApp(ctx); err != nil {
			return err
		}
	}
	if o.FaultSet != "" {
		if err := armFaultSet(s.faults, o.FaultSet, o.Seed); err != nil {
			return err
		}
	}
	if o.Readers > 0 {
		if err := s.load.start(o.Readers); err != nil {
			return err
		}
	}
	if o.LiveWriter > 0 {
		return s.writer.start(o.LiveWriter)
	}
	return nil
}

// serveHTTPS serves the router over HTTPS too.
func (s *Sandbox) serveHTTPS(l net.Listener) error {
	own, err := certificate(s.options.Certificate, s.options.domains())
	if err != nil {
		return err
	}
	router := s.world.platform.Router()
	router.ConnState = s.connections.state
	s.serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{own}}), router)
	return nil
}

func (s *Sandbox) serve(l net.Listener, server *http.Server) {
	server.ReadHeaderTimeout = time.Minute
	s.servers = append(s.servers, server)
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.cancel()
		}
	}()
}

// Close ends everything and returns when that is done: requests that are held are dropped, connections are cut, and the
// readers, the live writer and the releases have stopped.
func (s *Sandbox) Close() { s.closing.Do(s.close) }

func (s *Sandbox) close() {
	s.cancel()
	s.faults.Close()
	for _, server := range s.servers {
		_ = server.Close()
	}
	if s.load != nil {
		s.load.stop()
	}
	if s.writer != nil {
		s.writer.stop()
	}
	if s.releases != nil {
		s.releases.Wait()
	}
	if s.world != nil {
		s.world.platform.Close()
		s.world.commands.Close()
	}
}

// Addresses are where it answers.
func (s *Sandbox) Addresses() Addresses { return s.addresses }

// Env is every variable that cutover needs to upgrade this sandbox.
func (s *Sandbox) Env() map[string]string { return makeEnv(s.options, s.addresses) }

// Faults is the engine behind /_sandbox/faults.
func (s *Sandbox) Faults() *faults.Engine { return s.faults }

// Clock is the sandbox's time.
func (s *Sandbox) Clock() *clock.Clock { return s.clock }

// Ready describes the sandbox.
func (s *Sandbox) Ready() Ready {
	return Ready{
		Ready: true, Addresses: s.addresses, Env: s.Env(),
		Credentials: map[string]string{
			"cf_username": cfUser, "cf_password": cfPassword,
			"cf_client_id": cfClient, "cf_client_secret": cfClientSecret,
			"data_api_token": dataToken, "search_api_token": searchToken,
			"docker_username": dockerUser, "docker_password": dockerPassword,
		},
	}
}

// Snapshot is the whole state: of the platform, and of every Elasticsearch by the GUID of its service instance.
func (s *Sandbox) Snapshot() map[string]any {
	return map[string]any{"platform": s.world.platform.Snapshot(), "search": s.world.searchSnapshot()}
}
