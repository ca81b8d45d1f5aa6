package cloudfoundry

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/client"
	"github.com/cloudfoundry/go-cfclient/v3/config"
)

// session is the login. It holds a go-cfclient client, which renews its token before
// the token expires; that is safe, because oauth2's token source has a lock. If the
// platform rejects a token all the same, the session logs in again and replaces the
// whole client, so that no goroutine sees a half-changed one.
type session struct {
	login func(context.Context) (*client.Client, error)
	// lock guards current. It is a channel, because waiting for a mutex cannot be
	// interrupted by a context.
	lock    chan struct{}
	current *client.Client
}

func newSession(s Settings, l links, newTransport func() *transport) *session {
	return &session{
		lock:  make(chan struct{}, 1),
		login: func(ctx context.Context) (*client.Client, error) { return login(ctx, s, l, newTransport()) },
	}
}

// get returns the client, after a login if there was none yet.
func (s *session) get(ctx context.Context) (*client.Client, error) { return s.replace(ctx, nil) }

// replace logs in again, unless another goroutine has already replaced the rejected client.
func (s *session) replace(ctx context.Context, rejected *client.Client) (*client.Client, error) {
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.lock }()
	if s.current != rejected {
		return s.current, nil
	}
	loggedIn, err := s.login(ctx)
	if err != nil {
		return nil, err
	}
	s.current = loggedIn
	return loggedIn, nil
}

func login(ctx context.Context, s Settings, l links, t *transport) (*client.Client, error) {
	credentials := config.UserPassword(s.Username, s.Password.Reveal())
	if s.usesClient() {
		credentials = config.ClientCredentials(s.ClientID, s.ClientSecret.Reveal())
	}
	t.loginContext.Store(&ctx)
	defer t.loginContext.Store(nil)
	cfg, err := config.New(s.API, credentials,
		config.AuthTokenURL(l.login, l.uaa),
		config.HttpClient(&http.Client{Transport: t}),
		// httpclient limits the time of one attempt. This limit spans all attempts of
		// a request and the pauses between them, so it must not cut them short.
		config.RequestTimeout(24*time.Hour),
	)
	if err != nil {
		return nil, loginFailed(s, err)
	}
	if s.usesClient() {
		// go-cfclient fetches a UAA client's token only with the first request. Fetch
		// one now, so that a wrong secret shows here.
		source, err := cfg.CreateOAuth2TokenSource(ctx)
		if err == nil {
			_, err = source.Token()
		}
		if err != nil {
			return nil, loginFailed(s, err)
		}
	}
	return client.New(cfg)
}

// loginFailed adds the name of the variable to the error of a rejected login. UAA
// answers 401 to a wrong password or secret, and 400 if the client may not use the
// grant type.
func loginFailed(s Settings, err error) error {
	err = asError("POST /oauth/token", err)
	var e *Error
	if isRejected(err) && errors.As(err, &e) {
		rejected := *e
		rejected.Status, rejected.setting = http.StatusUnauthorized, s.credential()
		return &rejected
	}
	return err
}

func isRejected(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusUnauthorized ||
		e.Status == http.StatusBadRequest && strings.HasSuffix(e.Op, "/oauth/token"))
}
