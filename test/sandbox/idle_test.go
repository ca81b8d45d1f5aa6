package sandbox

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// gorouter: config/config.go, FrontendIdleTimeout (default 900 s, used in router/router.go); the data API's nginx:
// keepalive_timeout (30 s), measured with the real one. The connection of a client that pauses may be closed.
func TestAKeptConnectionThatIsIdleIsClosed(t *testing.T) {
	w := walk(t, Options{Documents: 20, Briefs: 5, PutTime: -1, Pace: 0.0002}) // 180 ms and 6 ms
	for name, c := range map[string]struct {
		address, host string
		after         time.Duration
	}{
		"router":   {w.ready.Addresses.Router, liveAddress, 180 * time.Millisecond},
		"data API": {w.ready.Addresses.DataAPI[len("http://"):], "data", 6 * time.Millisecond},
	} {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		_, _ = io.WriteString(conn, "GET /_status?ignore-dependencies HTTP/1.1\r\nHost: "+c.host+"\r\n\r\n")
		read := bufio.NewReader(conn)
		resp, err := http.ReadResponse(read, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		_ = conn.SetReadDeadline(began.Add(20 * time.Second))
		if _, err := read.ReadByte(); err != io.EOF {
			t.Errorf("%s: %v, want the end of the connection", name, err)
		}
		if took := time.Since(began); took < c.after*9/10 {
			t.Errorf("%s: closed after %s, want %s", name, took, c.after)
		}
	}
}
