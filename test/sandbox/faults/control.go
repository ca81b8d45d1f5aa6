package faults

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Handler is the engine's part of the control API:
//
//	POST   /_sandbox/faults               a Fault; 201 {"id":"f1"}
//	GET    /_sandbox/faults               200 [Fault…]
//	GET    /_sandbox/faults/{id}          200 Fault; ?wait=held&timeout_ms=10000 answers once it is in that state or has
//	                                      passed it; 408 with the fault if that takes longer (default 10 s)
//	POST   /_sandbox/faults/{id}/release  {"action":"do"|"drop"[,"delay_ms":500]}; 200 Fault after that (with a delay: at
//	                                      once); 409 if nothing is held
//	DELETE /_sandbox/faults[/{id}]        204; requests that it held are dropped
//	GET    /_sandbox/writes               200 [Write…]; ?after=n leaves out the first n, ?place=p all other places
//
// Errors are {"error":"…"}.
func (e *Engine) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_sandbox/faults", e.postFault)
	mux.HandleFunc("GET /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, e.List()) })
	mux.HandleFunc("GET /_sandbox/faults/{id}", e.getFault)
	mux.HandleFunc("POST /_sandbox/faults/{id}/release", e.postRelease)
	mux.HandleFunc("DELETE /_sandbox/faults", e.deleteFault)
	mux.HandleFunc("DELETE /_sandbox/faults/{id}", e.deleteFault)
	mux.HandleFunc("GET /_sandbox/writes", e.getWrites)
	return mux
}

func (e *Engine) postFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !decode(w, r, &f) {
		return
	}
	id, err := e.Add(f)
	if err != nil {
		answerError(w, http.StatusBadRequest, err)
		return
	}
	answer(w, http.StatusCreated, map[string]string{"id": id})
}

func (e *Engine) getFault(w http.ResponseWriter, r *http.Request) {
	state := r.URL.Query().Get("wait")
	if state == "" {
		state = Armed // every fault is at least that
	}
	limit := 10 * time.Second
	if text := r.URL.Query().Get("timeout_ms"); text != "" {
		ms, err := strconv.Atoi(text)
		if err != nil {
			answerError(w, http.StatusBadRequest, err)
			return
		}
		limit = time.Duration(ms) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	f, err := e.Wait(ctx, r.PathValue("id"), state)
	switch {
	case err == nil:
		answer(w, http.StatusOK, f)
	case ctx.Err() != nil:
		answer(w, http.StatusRequestTimeout, f)
	default:
		answerError(w, statusOf(err), err)
	}
}

func (e *Engine) postRelease(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Action  string `json:"action"`
		DelayMS int    `json:"delay_ms"`
	}
	if !decode(w, r, &ask) {
		return
	}
	if ask.Action != "do" && ask.Action != "drop" {
		answerError(w, http.StatusBadRequest, errors.New(`action is not "do" or "drop"`))
		return
	}
	id := r.PathValue("id")
	if err := e.Release(r.Context(), id, ask.Action == "do", time.Duration(ask.DelayMS)*time.Millisecond); err != nil {
		answerError(w, statusOf(err), err)
		return
	}
	f, err := e.Get(id)
	if err != nil {
		answerError(w, statusOf(err), err)
		return
	}
	answer(w, http.StatusOK, f)
}

func (e *Engine) deleteFault(w http.ResponseWriter, r *http.Request) {
	if err := e.Remove(r.PathValue("id")); err != nil {
		answerError(w, statusOf(err), err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (e *Engine) getWrites(w http.ResponseWriter, r *http.Request) {
	after := 0
	if text := r.URL.Query().Get("after"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			answerError(w, http.StatusBadRequest, err)
			return
		}
		after = n
	}
	answer(w, http.StatusOK, e.WritesAt(r.URL.Query().Get("place"), after))
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, ErrNothingHeld):
		return http.StatusConflict
	}
	return http.StatusBadRequest
}

func decode(w http.ResponseWriter, r *http.Request, to any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields() // with a misspelt field the fault would never hit
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
