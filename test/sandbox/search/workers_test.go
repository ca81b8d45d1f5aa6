package search

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// digitalmarketplace-docker-base: uwsgi.conf, processes = 4; uWSGI docs, "Things to know": more requests than that wait
// in the listen queue.
func TestWorkersAreLimited(t *testing.T) {
	a := start(t, Options{Slots: 2, PutTime: 50 * time.Millisecond}, plan)
	a.services("x")
	began := time.Now()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() { a.put("x", "1") })
	}
	wait.Wait()
	if d := time.Since(began); d < 200*time.Millisecond {
		t.Errorf("8 PUTs of 50 ms in 2 slots took %v", d)
	}
}

// uWSGI docs, "Options", listen: requests there get a worker even if their client has left, so a PUT is applied
// nevertheless.
func TestPutWhoseClientLeftIsAppliedLate(t *testing.T) {
	a := start(t, Options{Slots: 1, PutTime: 300 * time.Millisecond}, plan)
	a.services("x")
	ctx, leave := context.WithCancel(t.Context())
	request := func(ctx context.Context, id string) error {
		r, err := http.NewRequestWithContext(ctx, "PUT", a.url+"/x/services/"+id, strings.NewReader(body(id)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			err = res.Body.Close()
		}
		return err
	}
	var wait sync.WaitGroup
	wait.Go(func() { _ = request(t.Context(), "1") })
	wait.Go(func() {
		if request(ctx, "2") == nil {
			t.Error("the client did not leave")
		}
	})
	time.AfterFunc(100*time.Millisecond, leave)
	wait.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for a.get("/x/services/2").status != 200 {
		if time.Now().After(deadline) {
			t.Fatal("never applied")
		}
	}
}

// uWSGI docs, "Options", harakiri (digitalmarketplace-docker-base: uwsgi.conf, 60 s): a worker that takes too long is
// killed; nginx answers 502 in HTML, and what was written stays.
func TestHarakiriAnswers502AndKeepsWhatWasWritten(t *testing.T) {
	a := start(t, Options{Clock: clock.New(0.005), PutTime: 360 * time.Millisecond}, plan) // 60 s are 300 ms
	a.services("x")
	r := a.do("PUT", "/x/services/1", body("1"))
	if r.status != 502 || !strings.HasPrefix(r.body, "<html>") {
		t.Errorf("%d %s", r.status, r.body)
	}
	want(t, "written", a.get("/x/services/1").status, 200)
}

// Cloud Foundry docs, "App container lifecycle", Shutdown: an instance that is killed cuts the requests in flight, those
// in a worker and those in the queue.
func TestKilledInstanceCutsRequests(t *testing.T) {
	a := start(t, Options{Slots: 1, PutTime: time.Minute}, plan)
	a.services("x")
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			r, _ := http.NewRequestWithContext(t.Context(), "PUT", a.url+"/x/services/1", strings.NewReader(body("1")))
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
				t.Errorf("answered %d", res.StatusCode)
				_ = res.Body.Close()
			}
		})
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = a.handler.(interface{ Close() error }).Close() })
	wait.Wait()
}
