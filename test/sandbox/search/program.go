// Package search is the Digital Marketplace's search API as a program that an app instance runs, and the Elasticsearch
// clusters behind it: with every answer, error body and quirk of the real one over real HTTP, an engine that refreshes
// late, workers with a queue, and ways to make all of it fail.
//
// Modelled: digitalmarketplace-search-api, app/; dmutils; its image's nginx and uwsgi; Elasticsearch 7.10.2 (plans
// …-7.x) and 6.8 (plans …-5.x) under it.
package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

var (
	_ diego.Program   = (*Program)(nil)
	_ platform.Broker = (*Clusters)(nil)
)

// Options are which build runs, and how slow it is.
type Options struct {
	Clock    *clock.Clock
	Faults   *faults.Engine // may be nil
	Clusters *Clusters
	Build    Build
	// Version is the label of the release in /_status; "" for none.
	Version string
	// Slots is how many workers each instance has; 4 if zero (uwsgi's processes in the image).
	Slots int
	// PutTime is how long a PUT or DELETE of a document keeps a worker busy, in real time, not scaled. ReadTime is the same
	// for all other requests.
	PutTime, ReadTime time.Duration
	// MinHarakiri is the least real time after which a worker is killed: at a quick pace the scaled 60 s may be less than
	// the request takes here.
	MinHarakiri time.Duration
}

// Program is the program in the image of the search API.
type Program struct {
	opts     Options
	mappings map[string]*mapping
	putTime  atomic.Int64
	readTime atomic.Int64

	mu      sync.Mutex
	running map[*instance]bool
}

// New makes the program of one build.
func New(o Options) *Program {
	if o.Clock == nil {
		o.Clock = clock.New(0)
	}
	if o.Slots == 0 {
		o.Slots = 4
	}
	p := &Program{opts: o, mappings: mappings(o.Build), running: map[*instance]bool{}}
	p.putTime.Store(int64(o.PutTime))
	p.readTime.Store(int64(o.ReadTime))
	return p
}

// Boot starts one instance. An error is a crash. Its text is the last line of a traceback; the other lines go to the log.
//
// The service is the first entry of VCAP_SERVICES, in the order in which it is written, whose name is
// DM_ELASTICSEARCH_SERVICE_NAME; without one the application raises (app/__init__.py). The tokens are
// DM_SEARCH_API_AUTH_TOKENS, joined by colons.
func (p *Program) Boot(in diego.Instance) (http.Handler, error) {
	env := in.Env
	name := env["DM_ELASTICSEARCH_SERVICE_NAME"]
	if name == "" {
		name = "search_api_elasticsearch"
	}
	uri := "http://localhost:9200"
	if vcap := env["VCAP_SERVICES"]; vcap != "" {
		var err error
		if uri, err = serviceURI(vcap, name); err != nil {
			if in.Log != nil {
				for _, line := range []string{"Traceback (most recent call last):", `  File "application.py", line 5, in <module>`, "    application = create_app(os.getenv('DM_ENVIRONMENT') or 'development')"} {
					in.Log(true, line)
				}
			}
			return nil, err
		}
	}
	metrics := env["PROMETHEUS_METRICS_PATH"]
	if metrics == "" {
		metrics = "/metrics"
	}
	p.mu.Lock()
	i := &instance{
		program: p, app: in.AppName, uri: uri, metrics: metrics, workers: newWorkers(p.opts.Slots),
	}
	p.running[i] = true
	p.mu.Unlock()
	for t := range strings.SplitSeq(env["DM_SEARCH_API_AUTH_TOKENS"], ":") {
		if t != "" {
			i.tokens = append(i.tokens, t)
		}
	}
	i.handler = http.HandlerFunc(i.serve)
	if p.opts.Faults != nil {
		i.handler = p.opts.Faults.Wrap("search-api", in.AppName, func(r *http.Request) bool {
			return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
		}, i.handler)
	}
	return i, nil
}

// serviceURI is get_service_by_name_from_vcap_services; the order of a JSON object's keys matters, as in Python.
func serviceURI(vcap, name string) (string, error) {
	d := json.NewDecoder(strings.NewReader(vcap))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", errors.New("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)")
	}
	for d.More() {
		if _, err := d.Token(); err != nil {
			return "", fmt.Errorf("json.decoder.JSONDecodeError: %w", err)
		}
		var services []struct {
			Name        *string        `json:"name"`
			Credentials map[string]any `json:"credentials"`
		}
		if err := d.Decode(&services); err != nil {
			return "", fmt.Errorf("json.decoder.JSONDecodeError: %w", err)
		}
		for _, s := range services {
			switch {
			case s.Name == nil:
				return "", errors.New("KeyError: 'name'")
			case *s.Name == name:
				uri, ok := s.Credentials["uri"].(string)
				if !ok {
					return "", errors.New("KeyError: 'uri'")
				}
				return uri, nil
			}
		}
	}
	return "", fmt.Errorf("RuntimeError: Unable to find service with name %s in VCAP_SERVICES", name)
}

// instance is one running instance of the program.
type instance struct {
	program *Program
	app     string
	uri     string
	tokens  []string
	metrics string
	workers *workers
	handler http.Handler
}

func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.handler.ServeHTTP(w, r) }

// Close kills the instance: requests in flight are cut.
func (i *instance) Close() error {
	i.workers.close()
	i.program.mu.Lock()
	delete(i.program.running, i)
	i.program.mu.Unlock()
	return nil
}

// cluster is the engine of the instance's credentials; nil if it was deleted.
func (i *instance) cluster() *cluster { return i.program.opts.Clusters.at(i.uri) }
