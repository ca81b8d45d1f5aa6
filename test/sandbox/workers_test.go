package sandbox

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// HTTPS serves the same apps as HTTP, with a certificate that a client can trust; and the work of the apps' workers is
// counted for each app.
func TestRoutesOverHTTPSAndWorkersAreCounted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	w := walk(t, Options{Documents: 5, Briefs: -1, PutTime: -1, Slots: 3, Certificate: file})
	env := w.ready.Env
	if env["SSL_CERT_FILE"] != file || env["ROUTE_SCHEME"] != "https" {
		t.Fatalf("env: %v", env)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	status := func(roots *x509.CertPool) (int, error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: Options{Stage: "preview"}.liveHost()}}
		defer transport.CloseIdleConnections()
		r, err := http.NewRequest("GET", "https://"+env["ROUTER_ADDRESS"]+"/_status", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = Options{Stage: "preview"}.liveHost()
		res, err := transport.RoundTrip(r)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	before := w.sandbox.workers(true)
	if code, err := status(trusted); err != nil || code != 200 {
		t.Errorf("the live app over HTTPS: %d, %v", code, err)
	}
	if _, err := status(x509.NewCertPool()); err == nil {
		t.Error("a client without the certificate trusts it")
	}
	after := w.sandbox.workers(false)
	if n := after.Apps[liveApp].Requests - before.Apps[liveApp].Requests; n != 1 {
		t.Errorf("%d requests were counted, want 1", n)
	}
	if after.Apps[liveApp].Slots != 6 {
		t.Errorf("%d slots of two instances with 3", after.Apps[liveApp].Slots)
	}
	if after.Connections.Opened == before.Connections.Opened {
		t.Error("the connection was not counted")
	}
	w.control("POST", "/_sandbox/workers", object{"slots": 1}, 200)
	if n := w.sandbox.workers(false).Apps[liveApp].Slots; n != 2 {
		t.Errorf("%d slots of two instances with 1", n)
	}
	w.control("POST", "/_sandbox/workers", object{"put_time": "-1s"}, 400)
	w.control("POST", "/_sandbox/workers", object{"read_time": "soon"}, 400)
	w.control("POST", "/_sandbox/workers", object{"read_time": "30ms"}, 200)
	was := w.sandbox.workers(false).Apps[liveApp].BusySeconds
	if _, err := status(trusted); err != nil {
		t.Error(err)
	}
	if busy := w.sandbox.workers(false).Apps[liveApp].BusySeconds - was; busy < 0.03 {
		t.Errorf("a request that takes 30 ms kept a worker for %.3f s", busy)
	}
	w.control("POST", "/_sandbox/workers", object{"slots": -1}, 400)
}
