package platform

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// obj is a JSON object as it goes over the wire.
type obj = map[string]any

// record is what every resource has.
type record struct {
	guid, name       string
	created, updated time.Time
	labels           map[string]string
	annotations      map[string]string
}

func (r *record) base() *record { return r }

type row interface{ base() *record }

// table keeps resources in the order of their creation, which is the order of a list without order_by.
type table[T row] struct{ rows []T }

func (t *table[T]) add(v T) { t.rows = append(t.rows, v) }

func (t *table[T]) get(guid string) (found T, ok bool) {
	for _, v := range t.rows {
		if v.base().guid == guid {
			return v, true
		}
	}
	return found, false
}

func (t *table[T]) find(keep func(T) bool) (found T, ok bool) {
	for _, v := range t.rows {
		if keep(v) {
			return v, true
		}
	}
	return found, false
}

func (t *table[T]) where(keep func(T) bool) []T {
	var found []T
	for _, v := range t.rows {
		if keep(v) {
			found = append(found, v)
		}
	}
	return found
}

func (t *table[T]) remove(drop func(T) bool) { t.rows = slices.DeleteFunc(t.rows, drop) }

func (t *table[T]) delete(guid string) { t.remove(func(v T) bool { return v.base().guid == guid }) }

type (
	org struct {
		record
		quota *quota
	}
	space struct {
		record
		org   *org
		quota *quota // may be nil
	}
	quota struct {
		record
		limits Quota
	}
	domain struct {
		record
		org      *org // owns a private domain; nil: it is shared
		internal bool // between containers only, past the routers
		tcp      bool // of a router group for TCP
	}
	broker struct{ record }

	offering struct {
		record
		description         string
		tags                []string
		allowContextUpdates bool
		planUpdateable      bool
		bindingsHidden      bool
		broker              *broker
	}
	plan struct {
		record
		offering    *offering
		description string
		free        bool
		available   bool
	}
	operation struct {
		kind, state, description string
		created, updated         time.Time
	}
	service struct {
		record
		space       *space
		plan        *plan // nil: user-provided
		tags        []string
		parameters  json.RawMessage
		credentials map[string]any
		syslog      *string
		routeURL    *string
		last        operation
	}
	binding struct {
		record
		bindingName *string
		app         *app // nil: a key
		service     *service
		credentials map[string]any
		syslog      *string
		parameters  json.RawMessage
		last        operation
	}
	routeBinding struct {
		record
		route    *route
		service  *service
		routeURL *string
		last     operation
	}
	app struct {
		record
		space     *space
		started   bool
		lifecycle string // docker or buildpack
		// buildpacks and stack are those of the next staging of an app with the lifecycle buildpack.
		buildpacks []string
		stack      string
		env        map[string]string
		droplet    *droplet
		features   map[string]bool
		taskSeq    int
	}
	process struct {
		record
		app        *app
		kind       string
		instances  int
		memory     int
		disk       int
		logRate    int
		command    *string
		health     healthCheck
		readiness  healthCheck
		version    string
		lrp        *diego.LRP // nil: it is stopped
		revision   *revision
		deployment string // GUID of the deployment that made it, else ""
	}
	healthCheck struct {
		kind, endpoint                string
		timeout, invocation, interval *int
	}
	pkg struct {
		record
		app                       *app
		kind, state               string
		image, username, password string
		checksum                  string // of the bits that were uploaded
	}
	build struct {
		record
		app        *app
		pkg        *pkg
		state, err string
		droplet    *droplet
		byGUID, by string
	}
	droplet struct {
		record
		app       *app
		pkg       *pkg
		state     string
		lifecycle string
		// image is the reference of the program that its containers run; nobody sees it if the droplet has bits instead.
		image             string
		checksum, command string   // of bits, and how they are started unless the process says otherwise
		buildpacks        []string // that made them
		stack             string
	}
	// sidecar is a second program in the containers of some of an app's processes. It is kept, and runs nothing.
	sidecar struct {
		record
		app       *app
		command   string
		processes []string
		memory    *int
	}
	route struct {
		record
		space        *space
		domain       *domain
		host, path   string
		port         int // 0 but of a TCP route
		destinations []*destination
		options      obj
	}
	destination struct {
		record
		app      *app
		process  string
		port     *int
		protocol string
	}
	job struct {
		record
		operation, state string
		errors           []*apiError
		kind, target     string // of the resource that the job is about
	}
	event struct {
		record
		kind, targetGUID, targetKind, targetName string
		actorGUID, actorName, actorKind          string
		space                                    *space
		data                                     obj
	}
	task struct {
		record
		app           *app
		sequence      int
		command       string
		state, reason string
		memory, disk  int
		droplet       *droplet
	}
	policy struct {
		From, To, Protocol string
		First, Last        int
	}
)

func (s *service) kind() string {
	if s.plan == nil {
		return "user-provided"
	}
	return "managed"
}

func (b *binding) kind() string {
	if b.app == nil {
		return "key"
	}
	return "app"
}

func (r *route) url() string {
	if r.port != 0 {
		return r.domain.name + ":" + itoa(r.port)
	}
	if r.host == "" {
		return r.domain.name + r.path
	}
	return r.host + "." + r.domain.name + r.path
}

func (o operation) inProgress() bool { return o.state == "initial" || o.state == "in progress" }

func (o operation) present() obj {
	return obj{
		"type": o.kind, "state": o.state, "description": o.description,
		"created_at": stamp(o.created), "updated_at": stamp(o.updated),
	}
}

// stamp is a time as the API writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
