package faults

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"time"
	"unique"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// hit is what is decided about a request when it arrives.
type hit struct {
	fault  *armed
	hold   *hold // of the kinds that hold
	delays []*armed
	delay  time.Duration // their sum
}

// Wrap records each write and applies the faults. Place is "cloud-controller", "uaa", "log-cache", "router",
// "search-api" or "data-api"; app is the name of the app whose instance this is, for "search-api", else "". Write reports
// whether a request changes state; nil means every method but GET, HEAD and OPTIONS. The router passes a function that
// always returns false: what it forwards is counted where it arrives.
func (e *Engine) Wrap(place, app string, write func(*http.Request) bool, h http.Handler) http.Handler {
	if write == nil {
		write = changesState
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.serve(place, app, write(r), h, w, r)
	})
}

func changesState(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
}

func (e *Engine) serve(place, app string, write bool, h http.Handler, w http.ResponseWriter, r *http.Request) {
	client := r.Context()
	var rec *Write
	if write {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the client has gone in the middle of its body
		}
		r = r.WithContext(context.WithoutCancel(client))
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec = record(place, app, r, body)
	}
	x := e.arrive(place, app, write, r, rec)
	if x.fault != nil && rec == nil { // the server notices that a client has gone only after the body was read
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	done := settling{engine: e, client: client, rec: rec, hit: x, effect: EffectDropped}
	defer done.settle()

	if x.delay > 0 {
		if clock.Wait(r.Context(), x.delay) != nil {
			panic(http.ErrAbortHandler)
		}
		done.late = true
	}
	if x.fault == nil {
		done.pass(h, w, r)
		return
	}
	done.fail(h, w, r)
}

// record copies the strings that it keeps: a request's are parts of larger ones, and there may be 100,000 writes.
func record(place, app string, r *http.Request, body []byte) *Write {
	sum := sha256.Sum256(body)
	return &Write{
		Place: place, App: app, Method: r.Method, Path: strings.Clone(r.URL.Path), Query: strings.Clone(r.URL.RawQuery),
		BodySHA256: hex.EncodeToString(sum[:]), UserAgent: unique.Make(r.UserAgent()).Value(), Effect: EffectPending,
	}
}

// arrive numbers a write and decides which fault hits it, in one step.
func (e *Engine) arrive(place, app string, write bool, r *http.Request, rec *Write) hit {
	e.mu.Lock()
	defer e.mu.Unlock()
	if rec != nil {
		e.perHere[place]++
		rec.N, rec.PlaceN, rec.At = len(e.writes)+1, e.perHere[place], e.clock.Now()
		e.writes = append(e.writes, rec)
	}
	var x hit
	if e.closed {
		return x
	}
	changed := rec != nil
	for _, a := range e.faults {
		if !a.matches(place, app, write, r) {
			continue
		}
		changed = true
		if !a.due() || (a.Kind != Delay && x.fault != nil) {
			continue
		}
		a.Hits++
		if rec != nil {
			a.Writes = append(a.Writes, rec.N)
		}
		if a.Kind == Delay {
			a.working++
			x.delays = append(x.delays, a)
			x.delay += time.Duration(a.DelayMS) * time.Millisecond
			continue
		}
		x.fault = a
		switch a.Kind {
		case Hold:
			x.hold = a.keep()
			if rec != nil {
				rec.Effect = EffectHeld
			}
		case HoldAfter:
			a.coming++
		default:
			a.working++
		}
	}
	if changed {
		e.change()
	}
	return x
}

func (a *armed) keep() *hold {
	h := &hold{release: make(chan release, 1), settled: make(chan struct{})}
	a.held = append(a.held, h)
	return h
}

// settling is one request in progress.
type settling struct {
	engine *Engine
	client context.Context
	rec    *Write
	hit    hit
	late   bool
	status int
	effect string
}

// pass calls the handler as if there were no faults.
func (s *settling) pass(h http.Handler, w http.ResponseWriter, r *http.Request) {
	s.happened()
	seen := &statusWriter{ResponseWriter: w}
	defer func() { s.status = seen.status }()
	h.ServeHTTP(seen, r)
	seen.ended()
}

func (s *settling) happened() {
	s.effect = EffectDone
	if s.late {
		s.effect = EffectLate
	}
}

func (s *settling) fail(h http.Handler, w http.ResponseWriter, r *http.Request) {
	f := s.hit.fault
	switch f.Kind {
	case Hold:
		if !s.wait(r.Context()) {
			panic(http.ErrAbortHandler)
		}
		s.late = true
		s.pass(h, w, r)
	case ErrorBefore:
		s.answerError(w)
	case DropBefore:
		panic(http.ErrAbortHandler)
	default:
		s.after(h, w, r)
	}
}

// after calls the handler, and then treats the answer as the fault demands.
func (s *settling) after(h http.Handler, w http.ResponseWriter, r *http.Request) {
	s.happened()
	answer := &buffer{header: http.Header{}}
	h.ServeHTTP(answer, r)
	switch s.hit.fault.Kind {
	case ErrorAfter:
		s.answerError(w)
	case DropAfter:
		panic(http.ErrAbortHandler)
	case Cut:
		answer.cut(w)
	case HoldAfter:
		s.engine.mu.Lock()
		s.hit.fault.coming--
		s.hit.hold = s.hit.fault.keep()
		gone := s.engine.find(s.hit.fault.ID) == nil // removed while the handler ran: nobody could release the request
		if gone {
			s.hit.fault.releaseAll(release{})
		}
		s.engine.change()
		s.engine.mu.Unlock()
		if !s.wait(r.Context()) {
			panic(http.ErrAbortHandler)
		}
		answer.send(w)
		s.status = answer.status
	}
}

// wait blocks while the request is held and reports whether it is to go on. A write is held whether or not its client is
// still there; a read ends when its client has gone.
func (s *settling) wait(ctx context.Context) bool {
	gone := s.client.Done()
	for {
		select {
		case r := <-s.hit.hold.release:
			return r.do && clock.Wait(ctx, r.delay) == nil
		case <-gone:
			if s.rec == nil {
				return false
			}
			gone = nil
			s.engine.mu.Lock()
			s.rec.ClientGone = true
			s.engine.change()
			s.engine.mu.Unlock()
		}
	}
}

// rateLimited is the Cloud Controller's own 429, whose content type is text although the body is JSON
// (cloud_controller_ng: middleware/base_rate_limiter.rb).
const rateLimited = `{"errors":[{"code":10013,"title":"CF-RateLimitExceeded","detail":"Rate Limit Exceeded"}]}`

func (s *settling) answerError(w http.ResponseWriter) {
	f := s.hit.fault
	s.status = f.Status
	body, kind := f.Body, "text/plain; charset=utf-8"
	limited := f.Place == "cloud-controller" && f.Status == http.StatusTooManyRequests
	switch {
	case body == "" && limited:
		body = rateLimited
	case body == "":
		body = http.StatusText(f.Status) + "\n"
	}
	if strings.HasPrefix(body, "{") && !limited {
		kind = "application/json"
	}
	w.Header().Set("Content-Type", kind)
	for k, v := range f.Headers {
		w.Header().Set(k, v)
	}
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, body)
}

func (s *settling) settle() {
	e := s.engine
	if s.rec == nil && s.hit.fault == nil && s.hit.delays == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.rec != nil {
		s.rec.Status, s.rec.Effect = s.status, s.effect
		s.rec.ClientGone = s.rec.ClientGone || s.client.Err() != nil
	}
	for _, a := range s.hit.delays {
		a.working--
	}
	switch {
	case s.hit.hold != nil:
		s.hit.fault.settled(s.hit.hold)
	case s.hit.fault != nil && s.hit.fault.Kind == HoldAfter: // the handler panicked
		s.hit.fault.coming--
	case s.hit.fault != nil:
		s.hit.fault.working--
	}
	e.change()
}

func (a *armed) settled(h *hold) {
	for i, kept := range a.held {
		if kept == h { // its client has gone before the release
			a.held = append(a.held[:i], a.held[i+1:]...)
			close(h.settled)
			return
		}
	}
	a.working--
	close(h.settled)
}
