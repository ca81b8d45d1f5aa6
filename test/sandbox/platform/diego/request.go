package diego

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
)

// refused is the error of a connection to a port on which nothing listens.
func refused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// RoundTrip hands a request to the container's program. After SIGTERM it is refused (syscall.ECONNREFUSED); what is under
// way when the container is killed is cut (io.EOF). The program goes on with a request whose client has left, as a worker
// does; only the request's context is done.
func (c *Container) RoundTrip(r *http.Request) (*http.Response, error) {
	c.inFlight.Add(1)
	h := c.handler.Load()
	if h == nil || c.refusing.Load() || c.isDead() {
		c.ended()
		return nil, refused()
	}
	if e := c.external(); e != nil {
		defer c.ended()
		return e.RoundTrip(r)
	}
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		defer c.ended()
		w := httptest.NewRecorder()
		defer func() {
			if recover() != nil { // the program broke the connection
				w = nil
			}
			answer <- w
		}()
		(*h).ServeHTTP(w, r)
	}()
	select {
	case w := <-answer:
		if w == nil {
			return nil, io.EOF
		}
		return w.Result(), nil
	case <-c.dead:
		return nil, io.EOF
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (c *Container) ended() {
	if c.inFlight.Add(-1) == 0 && c.leaving.Load() {
		c.kill()
	}
}
