package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWritesAreNumberedAndReadsAreNot(t *testing.T) {
	w := newWorld(t)
	other := httptest.NewServer(w.Wrap("uaa", "", func(*http.Request) bool { return false }, http.NotFoundHandler()))
	defer other.Close()
	w.put("a")
	w.send(t.Context(), http.MethodGet, "")
	if res, err := http.Post(other.URL, "text/plain", strings.NewReader("token")); err == nil {
		res.Body.Close()
	}
	w.send(t.Context(), http.MethodDelete, "")
	w.wantWrites("1 PUT 201 done", "2 DELETE 201 done")
	got := w.Writes(0)[0]
	const sumOfA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
	if got.Place != "data-api" || got.App != "app" || got.PlaceN != 1 || got.Path != "/thing/a" || got.Query != "q=1" ||
		got.BodySHA256 != sumOfA || got.UserAgent != "tester" || got.At.IsZero() || got.ClientGone {
		t.Errorf("write 1 is recorded as %+v", got)
	}
	if rest := w.Writes(1); len(rest) != 1 || rest[0].N != 2 {
		t.Errorf("the writes after the first are %+v", rest)
	}
}

func TestTheNthWriteIsHeldExactly(t *testing.T) {
	w := newWorld(t)
	id := w.add(Fault{Kind: Hold, WritesOnly: true, N: 3})
	w.send(t.Context(), http.MethodGet, "read")
	w.put("a")
	w.put("b")
	if f, _ := w.Get(id); f.State != Armed || f.Matched != 2 {
		t.Fatalf("after two writes the fault is %+v", f)
	}
	answer, _ := w.begin(http.MethodPut, "c")
	if f := w.wait(id, Held); f.Hits != 1 || !slices.Equal(f.Writes, []int{3}) {
		t.Errorf("held: %+v", f)
	}
	if r := w.put("d"); r.status != http.StatusCreated {
		t.Errorf("the write after the held one: %+v", r)
	}
	w.wantSeen("GET read", "PUT a", "PUT b", "PUT d")
	w.wantWrites("1 PUT 201 done", "2 PUT 201 done", "3 PUT 0 held", "4 PUT 201 done")
	w.release(id, true)
	if r := <-answer; r.status != http.StatusCreated || r.body != "done c" || r.header.Get("X-Seen") != "yes" {
		t.Errorf("the held write was answered %+v", r)
	}
	w.wantSeen("GET read", "PUT a", "PUT b", "PUT d", "PUT c")
	w.wantWrites("1 PUT 201 done", "2 PUT 201 done", "3 PUT 201 late", "4 PUT 201 done")
	if f := w.wait(id, Done); f.State != Done {
		t.Errorf("afterwards the fault is %s", f.State)
	}
}

// A worker of the real APIs learns only when it answers that its client has gone, so the request is done.
func TestAHeldWriteOutlivesItsClient(t *testing.T) {
	for _, tt := range []struct {
		name, effect string
		do           bool
		want         []string
	}{
		{"done late", EffectLate, true, []string{"PUT successor", "PUT victim"}},
		{"dropped", EffectDropped, false, []string{"PUT successor"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			id := w.add(Fault{Kind: Hold, WritesOnly: true, N: 1})
			answer, vanish := w.begin(http.MethodPut, "victim")
			w.wait(id, Held)
			vanish()
			if r := <-answer; r.err == nil {
				t.Fatalf("the client did not vanish: %+v", r)
			}
			w.until(func() bool { return w.Writes(0)[0].ClientGone })
			w.put("successor")
			w.release(id, tt.do)
			w.wantSeen(tt.want...)
			if got := w.Writes(0)[0]; got.Effect != tt.effect || !got.ClientGone {
				t.Errorf("write 1 is recorded as %+v", got)
			}
		})
	}
}

// The same with a socket that is closed without notice, as the kernel does after a SIGKILL.
func TestAHeldWriteOutlivesItsSocket(t *testing.T) {
	w := newWorld(t)
	id := w.add(Fault{Kind: Hold, WritesOnly: true, N: 1})
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
	w.wait(id, Held)
	_ = conn.(*net.TCPConn).SetLinger(0) // a reset instead of an orderly end
	conn.Close()
	w.release(id, true)
	w.wantSeen("POST body")
}

func TestAWriteWithAnIncompleteBodyIsNone(t *testing.T) {
	w := newWorld(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 400\r\n\r\nbody")
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.ReadAll(conn) // until the server closes the connection
	conn.Close()
	w.wantSeen()
	w.wantWrites()
}

func TestADroppedHoldClosesTheConnection(t *testing.T) {
	w := newWorld(t)
	id := w.add(Fault{Kind: Hold, N: 1})
	answer, _ := w.begin(http.MethodPost, "a")
	w.wait(id, Held)
	w.release(id, false)
	if r := <-answer; r.err == nil {
		t.Errorf("answered %+v, want a broken connection", r)
	}
	w.wantSeen()
	w.wantWrites("1 POST 0 dropped")
}

func TestBeforeAndAfterTheEffect(t *testing.T) {
	for _, tt := range []struct {
		kind   string
		status int // 0: the connection breaks
		effect bool
		write  string
	}{
		{ErrorBefore, 502, false, "1 POST 502 dropped"},
		{ErrorAfter, 502, true, "1 POST 502 done"},
		{DropBefore, 0, false, "1 POST 0 dropped"},
		{DropAfter, 0, true, "1 POST 0 done"},
		{Cut, 0, true, "1 POST 0 done"},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			w := newWorld(t)
			id := w.add(Fault{Kind: tt.kind, N: 1, Status: 502, Body: `{"e":1}`, Headers: map[string]string{"Retry-After": "7"}})
			r := w.send(t.Context(), http.MethodPost, "a")
			switch {
			case tt.status == 0 && r.err == nil:
				t.Errorf("answered %+v, want a broken connection", r)
			case tt.status != 0 && (r.status != tt.status || r.body != `{"e":1}` || r.header.Get("Retry-After") != "7" ||
				r.header.Get("Content-Type") != "application/json" || r.header.Get("X-Seen") != ""):
				t.Errorf("answered %+v", r)
			}
			if tt.effect {
				w.wantSeen("POST a")
			} else {
				w.wantSeen()
			}
			w.wait(id, Done)
			w.wantWrites(tt.write)
			if r := w.put("b"); r.status != http.StatusCreated {
				t.Errorf("the next request: %+v", r)
			}
		})
	}
}

func TestAnAnswerIsHeldAfterTheEffect(t *testing.T) {
	for _, do := range []bool{true, false} {
		w := newWorld(t)
		id := w.add(Fault{Kind: HoldAfter, N: 1})
		answer, _ := w.begin(http.MethodPut, "a")
		if f := w.wait(id, Held); f.State != Held {
			t.Errorf("the fault is %s, want held", f.State)
		}
		w.wantSeen("PUT a")
		w.release(id, do)
		r := <-answer
		if do && (r.status != http.StatusCreated || r.body != "done a" || r.header.Get("X-Seen") != "yes") {
			t.Errorf("answered %+v", r)
		}
		if !do && r.err == nil {
			t.Errorf("answered %+v, want a broken connection", r)
		}
		w.wantSeen("PUT a")
	}
}

func TestADelayWaitsAndThenHasItsEffect(t *testing.T) {
	w := newWorld(t)
	w.add(Fault{Kind: Delay, DelayMS: 60, N: 1})
	w.add(Fault{Kind: Delay, DelayMS: 40, N: 1})
	start := time.Now()
	if r := w.put("a"); r.status != http.StatusCreated {
		t.Errorf("answered %+v", r)
	}
	if got := time.Since(start); got < 100*time.Millisecond {
		t.Errorf("took %v, want at least the sum of both delays", got)
	}
	w.wantWrites("1 PUT 201 late")
}

func TestAReleaseWithADelayReturnsAtOnce(t *testing.T) {
	w := newWorld(t)
	id := w.add(Fault{Kind: Hold, N: 1})
	answer, vanish := w.begin(http.MethodPut, "a")
	w.wait(id, Held)
	vanish()
	<-answer
	if err := w.Release(t.Context(), id, true, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	w.wantSeen()
	w.wait(id, Done)
	w.wantSeen("PUT a")
}

func TestWhatMatches(t *testing.T) {
	for name, tt := range map[string]struct {
		fault Fault
		hit   bool
	}{
		"nothing asked for": {Fault{}, true},
		"all of it":         {Fault{Place: "data-api", App: "app", Method: "PUT", Path: "^/thing/a$", Query: "q=1", UserAgent: "^tester$", WritesOnly: true}, true},
		"another place":     {Fault{Place: "uaa"}, false},
		"another app":       {Fault{App: "app2"}, false},
		"another method":    {Fault{Method: "POST"}, false},
		"another path":      {Fault{Path: "^/thing$"}, false},
		"another query":     {Fault{Query: "q=2"}, false},
		"another client":    {Fault{UserAgent: "curl"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tt.fault.Kind = ErrorBefore
			w.add(tt.fault)
			if got := w.put("a").status == http.StatusServiceUnavailable; got != tt.hit {
				t.Errorf("hit: %v, want %v", got, tt.hit)
			}
		})
	}
}

func TestHowOften(t *testing.T) {
	for name, tt := range map[string]struct {
		fault Fault
		want  string // x: hit
	}{
		"every one":                 {Fault{}, "xxxxxx"},
		"the first two":             {Fault{Times: 2}, "xx...."},
		"the fourth":                {Fault{N: 4}, "...x.."},
		"the third and the next":    {Fault{N: 3, Times: 2}, "..xx.."},
		"the fourth, surely":        {Fault{N: 4, Probability: 1}, "...x.."},
		"never, as good as certain": {Fault{Probability: 1e-12}, "......"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tt.fault.Kind = ErrorBefore
			w.add(tt.fault)
			if got := w.pattern(6); got != tt.want {
				t.Errorf("hits %s, want %s", got, tt.want)
			}
		})
	}
}

func (w *world) pattern(n int) string {
	var b strings.Builder
	for range n {
		if w.put("a").status == http.StatusServiceUnavailable {
			b.WriteByte('x')
		} else {
			b.WriteByte('.')
		}
	}
	return b.String()
}

func TestChanceIsRepeatable(t *testing.T) {
	run := func(seed uint64) string {
		w := newWorld(t)
		w.add(Fault{Kind: ErrorBefore, Probability: 0.5, Seed: seed})
		return w.pattern(40)
	}
	first := run(1)
	if n := strings.Count(first, "x"); n < 8 || n > 32 {
		t.Errorf("half of 40 requests were to be hit: %s", first)
	}
	if again := run(1); again != first {
		t.Errorf("the same seed hits %s and then %s", first, again)
	}
	if other := run(2); other == first {
		t.Error("another seed hits the same requests")
	}
}

func TestTheSecondOfTwoFaultsStaysDue(t *testing.T) {
	w := newWorld(t)
	w.add(Fault{Kind: ErrorBefore, N: 2, Status: 500})
	w.add(Fault{Kind: ErrorBefore, N: 2, Status: 501})
	var got []int
	for range 4 {
		got = append(got, w.put("a").status)
	}
	if want := []int{201, 500, 501, 201}; !slices.Equal(got, want) {
		t.Errorf("answers %v, want %v", got, want)
	}
}

func TestAReadThatIsHeldEndsWithItsClient(t *testing.T) {
	w := newWorld(t)
	id := w.add(Fault{Kind: Hold, N: 1})
	answer, vanish := w.begin(http.MethodGet, "")
	w.wait(id, Held)
	vanish()
	<-answer
	w.wait(id, Done)
	w.wantSeen()
	if err := w.Release(t.Context(), id, true, 0); err == nil {
		t.Error("a request was released that is not held")
	}
}

func TestHeldRequestsAreDroppedWhenTheFaultIsRemovedOrTheEngineCloses(t *testing.T) {
	for name, end := range map[string]func(*Engine, string){
		"removed": func(e *Engine, id string) { _ = e.Remove(id) },
		"closed":  func(e *Engine, _ string) { e.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{Hold, HoldAfter} {
				w := newWorld(t)
				id := w.add(Fault{Kind: kind})
				one, _ := w.begin(http.MethodPut, "a")
				two, _ := w.begin(http.MethodPut, "b")
				w.until(func() bool { f, _ := w.Get(id); return f.Hits == 2 && f.State == Held })
				end(w.Engine, id)
				if r := <-one; r.err == nil {
					t.Errorf("%s: answered %+v", kind, r)
				}
				if r := <-two; r.err == nil {
					t.Errorf("%s: answered %+v", kind, r)
				}
				if r := w.put("c"); r.status != http.StatusCreated {
					t.Errorf("%s: the next: %+v", kind, r)
				}
			}
		})
	}
}
