package sandbox

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/search"
)

// Connections counts the router's connections, of HTTP and HTTPS together.
type Connections struct {
	Opened int `json:"opened"`
	Open   int `json:"open"`
	Most   int `json:"most"` // the most that were open at once since the last ?forget
}

// connections counts the router's connections.
type connections struct {
	mu sync.Mutex
	c  Connections
}

func (c *connections) state(_ net.Conn, s http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s {
	case http.StateNew:
		c.c.Opened++
		c.c.Open++
		c.c.Most = max(c.c.Most, c.c.Open)
	case http.StateClosed, http.StateHijacked:
		c.c.Open--
	}
}

func (c *connections) view(forget bool) Connections {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.c
	if forget {
		c.c.Most = c.c.Open
	}
	return v
}

// Workers is how busy the search API is.
type Workers struct {
	At          time.Time               `json:"at"`
	Apps        map[string]search.Tally `json:"apps"`
	Connections Connections             `json:"connections"`
	// Data counts the data API's requests in flight: now, and the most since the last ?forget.
	Data Underway `json:"data"`
}

func (s *Sandbox) workers(forget bool) Workers {
	return Workers{
		At: time.Now(), Apps: s.world.program.Workers(forget), Connections: s.connections.view(forget), Data: s.reading.view(forget),
	}
}

func (s *Sandbox) getWorkers(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, s.workers(r.URL.Query().Has("forget")))
}

func (s *Sandbox) postWorkers(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Slots    int    `json:"slots,omitempty"`
		PutTime  string `json:"put_time,omitempty"`
		ReadTime string `json:"read_time,omitempty"`
	}
	if !decode(w, r, &ask) {
		return
	}
	put, read := time.Duration(-1), time.Duration(-1)
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"put_time", ask.PutTime, &put}, {"read_time", ask.ReadTime, &read}} {
		if d.text == "" {
			continue
		}
		long, err := time.ParseDuration(d.text)
		if err != nil || long < 0 {
			answerError(w, http.StatusBadRequest, errors.New(d.name+" is not a duration"))
			return
		}
		*d.to = long
	}
	if ask.Slots < 0 {
		answerError(w, http.StatusBadRequest, errors.New("slots is negative"))
		return
	}
	s.world.program.Change(ask.Slots, put, read)
	answer(w, http.StatusOK, s.workers(false))
}

// Underway counts requests in flight.
type Underway struct {
	Now      int `json:"now"`
	Most     int `json:"most"`
	Requests int `json:"requests"`
}

// reading counts the data API's requests in flight.
type reading struct {
	mu sync.Mutex
	u  Underway
}

func (c *reading) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.add(1)
		defer c.add(-1)
		h.ServeHTTP(w, r)
	})
}

func (c *reading) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.u.Now += n
	c.u.Requests += max(n, 0)
	c.u.Most = max(c.u.Most, c.u.Now)
}

func (c *reading) view(forget bool) Underway {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.u
	if forget {
		c.u.Most = c.u.Now
	}
	return v
}
