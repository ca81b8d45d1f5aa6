package witness_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

// site is a live address that can be made to fail.
type site struct {
	*httptest.Server
	asked  atomic.Int64
	faulty atomic.Bool
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		if s.faulty.Load() {
			w.Header().Set("X-Cf-RouterError", "no_endpoints")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "blue")
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) witness() *witness.Witness {
	return witness.New(witness.Options{
		URL: s.URL, Rate: 500, Baseline: 50 * time.Millisecond,
		Kept:  httpclient.New(httpclient.Options{Attempts: 1}),
		Fresh: httpclient.New(httpclient.Options{Attempts: 1, FreshConnections: true}),
		Who:   func(_ *http.Response, body []byte) string { return string(body) },
	})
}

// verdict stops the witness and returns what it says.
func verdict(t *testing.T, w *witness.Witness) (*runner.Observation, error) {
	t.Helper()
	o := &runner.Observation{}
	err := w.Stop()[0].Do(t.Context(), o)
	return o, err
}

func TestAnAddressThatAnswersIsSaidToHaveAnswered(t *testing.T) {
	s := newSite(t)
	w := s.witness()
	if _, err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Enter(witness.During)
	w.Enter(witness.After)
	o, err := verdict(t, w)
	if err != nil {
		t.Fatal(err)
	}
	tally := w.Tally()
	if tally.Failed != 0 || tally.Sent == 0 || int64(tally.Sent) != s.asked.Load() || tally.ByApp["blue"] != tally.Sent {
		t.Errorf("%d requests reached the site; tally %+v", s.asked.Load(), tally)
	}
	if want := fmt.Sprintf("at most %.2f %% fail (95 %%)", 300/float64(tally.Sent)); !strings.Contains(o.Said(), want) {
		t.Errorf("%q does not say %q", o.Said(), want)
	}
}

func TestTheFirstFailureIsReportedAndDecidesTheVerdict(t *testing.T) {
	s := newSite(t)
	w := s.witness()
	breach, err := w.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.faulty.Store(true)
	select {
	case err := <-breach:
		if !strings.Contains(err.Error(), "503 no_endpoints from the router") {
			t.Errorf("breach: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no breach was reported")
	}
	s.faulty.Store(false)
	if _, err := verdict(t, w); err == nil || !runner.IsFinal(err) {
		t.Errorf("the verdict is %v", err)
	}
}

func TestAnAddressThatFailsAlreadyIsNotChanged(t *testing.T) {
	s := newSite(t)
	s.faulty.Store(true)
	if _, err := s.witness().Start(t.Context()); err == nil || !strings.Contains(err.Error(), "before anything was changed") {
		t.Errorf("start: %v", err)
	}
}

func TestAnAddressThatIsGoneIsAFailure(t *testing.T) {
	s := newSite(t)
	w := s.witness()
	breach, err := w.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.CloseClientConnections()
	s.Listener.Close()
	select {
	case err := <-breach:
		if errors.Is(err, httpclient.ErrNoPermit) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no breach was reported")
	}
	w.End()
}
