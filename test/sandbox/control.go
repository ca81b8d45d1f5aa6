package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/pipeline"
	"github.com/digitalmarketplace/cutover/test/sandbox/search"
)

// control is the handler of the control API; the package comment describes it.
func (s *Sandbox) control() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/_sandbox/faults", s.faults.Handler())
	mux.Handle("/_sandbox/faults/", s.faults.Handler())
	mux.Handle("/_sandbox/writes", s.faults.Handler())
	mux.HandleFunc("GET /_sandbox", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Ready()) })
	mux.HandleFunc("GET /_sandbox/snapshot", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Snapshot()) })

	mux.HandleFunc("GET /_sandbox/compare", s.getCompare)

	mux.HandleFunc("GET /_sandbox/load", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.load.view()) })
	mux.HandleFunc("POST /_sandbox/load", s.postLoad)
	mux.HandleFunc("DELETE /_sandbox/load", func(w http.ResponseWriter, _ *http.Request) {
		s.load.stop()
		answer(w, http.StatusOK, s.load.view())
	})

	mux.HandleFunc("GET /_sandbox/edit", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.writer.view()) })
	mux.HandleFunc("POST /_sandbox/edit", s.postEdit)
	mux.HandleFunc("DELETE /_sandbox/edit", func(w http.ResponseWriter, _ *http.Request) {
		s.writer.stop()
		answer(w, http.StatusOK, s.writer.view())
	})

	mux.HandleFunc("GET /_sandbox/release", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.releases.List()) })
	mux.HandleFunc("POST /_sandbox/release", s.postRelease)

	mux.HandleFunc("GET /_sandbox/workers", s.getWorkers)
	mux.HandleFunc("POST /_sandbox/workers", s.postWorkers)

	mux.HandleFunc("GET /_sandbox/limit", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.limit()) })
	mux.HandleFunc("POST /_sandbox/limit", s.postLimit)

	mux.HandleFunc("POST /_sandbox/engine", s.postEngine)
	mux.HandleFunc("POST /_sandbox/router", s.postRouter)
	mux.HandleFunc("GET /_sandbox/clock", s.getClock)
	mux.HandleFunc("POST /_sandbox/clock", s.postClock)
	return mux
}

// rateLimit is what the platform grants a user in an hour.
type rateLimit struct {
	Requests int `json:"requests"`
	Refused  int `json:"refused"`
}

func (s *Sandbox) limit() (l rateLimit) {
	l.Requests, l.Refused = s.world.platform.RateLimit()
	return l
}

func (s *Sandbox) postLimit(w http.ResponseWriter, r *http.Request) {
	var ask rateLimit
	if !decode(w, r, &ask) {
		return
	}
	s.world.platform.LimitRate(max(ask.Requests, 0))
	answer(w, http.StatusOK, s.limit())
}

func (s *Sandbox) getCompare(w http.ResponseWriter, r *http.Request) {
	service := r.URL.Query().Get("service")
	if service == "" {
		service = s.options.blueService()
	}
	d, err := s.world.compare(service)
	if err != nil {
		answerError(w, http.StatusNotFound, err)
		return
	}
	answer(w, http.StatusOK, d)
}

func (s *Sandbox) postLoad(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Rate float64 `json:"rate"`
	}
	if !decode(w, r, &ask) {
		return
	}
	if err := s.load.start(ask.Rate); err != nil {
		answerError(w, http.StatusBadRequest, err)
		return
	}
	answer(w, http.StatusCreated, s.load.view())
}

func (s *Sandbox) postEdit(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Rate *float64 `json:"rate"`
		data.Edit
	}
	if !decode(w, r, &ask) {
		return
	}
	if ask.Rate == nil {
		edit := s.writer.edits.RandomEdit
		if ask.Kind != "" {
			edit = func(ctx context.Context) (data.Edited, error) { return s.writer.edits.Do(ctx, ask.Edit) }
		}
		e, err := edit(s.writer.life)
		if err != nil {
			answerError(w, http.StatusBadRequest, err)
			return
		}
		answer(w, http.StatusOK, e)
		return
	}
	if *ask.Rate == 0 {
		s.writer.stop()
	} else if err := s.writer.start(*ask.Rate); err != nil {
		answerError(w, http.StatusBadRequest, err)
		return
	}
	answer(w, http.StatusCreated, s.writer.view())
}

func (s *Sandbox) postRelease(w http.ResponseWriter, r *http.Request) {
	ask := struct {
		App        string             `json:"app"`
		Image      string             `json:"image"`
		Background bool               `json:"background"`
		Manifest   pipeline.Overrides `json:"manifest"`
	}{App: s.options.liveApp()}
	if !decode(w, r, &ask) {
		return
	}
	if ask.Image == "" {
		answerError(w, http.StatusBadRequest, errors.New("image is missing"))
		return
	}
	wait := s.releases.Begin(pipeline.Order{App: ask.App, Image: ask.Image, Manifest: ask.Manifest})
	if ask.Background {
		answer(w, http.StatusAccepted, pipeline.Run{App: ask.App, Image: ask.Image, State: "running"})
		return
	}
	x := wait()
	status := http.StatusOK
	if x.State == "failed" {
		status = http.StatusConflict
	}
	answer(w, status, x)
}

func (s *Sandbox) postEngine(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Service      string        `json:"service,omitempty"`
		Outage       search.Outage `json:"outage,omitempty"`
		FailCreation string        `json:"fail_next_creation,omitempty"`
	}
	if !decode(w, r, &ask) {
		return
	}
	switch {
	case ask.FailCreation != "":
		s.world.clusters.FailNext(ask.FailCreation)
	default:
		if err := s.world.breakEngine(ask.Service, ask.Outage); err != nil {
			answerError(w, http.StatusBadRequest, err)
			return
		}
	}
	answer(w, http.StatusOK, ask)
}

func (s *Sandbox) postRouter(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Replica int  `json:"replica"`
		Deaf    bool `json:"deaf"`
	}
	if !decode(w, r, &ask) {
		return
	}
	if err := s.world.platform.Deafen(ask.Replica, ask.Deaf); err != nil {
		answerError(w, http.StatusBadRequest, err)
		return
	}
	answer(w, http.StatusOK, ask)
}

func (s *Sandbox) getClock(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"now": s.clock.Now(), "moved": s.clock.Moved().String(), "pace": s.clock.Pace()})
}

func (s *Sandbox) postClock(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Move string `json:"move"`
	}
	if !decode(w, r, &ask) {
		return
	}
	d, err := time.ParseDuration(ask.Move)
	if err != nil {
		answerError(w, http.StatusBadRequest, fmt.Errorf("move: %w", err))
		return
	}
	s.clock.Move(d)
	s.getClock(w, r)
}

func decode(w http.ResponseWriter, r *http.Request, to any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		answerError(w, http.StatusBadRequest, err)
		return false
	}
	return true
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func answerError(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]string{"error": err.Error()})
}
