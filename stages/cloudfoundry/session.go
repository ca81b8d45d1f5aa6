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

// session is the login. It holds one go-cfclient client, whose token is renewed
// by itself before it runs out (oauth2's source has a lock of its own). When a
// token is rejected all the same, the whole client is replaced by one that has
// logged in anew, so that no goroutine sees a half-changed one.
type session struct {
	open func(context.Context) (*client.Client, error)
	// turn holds one token: whoever has it may look at and replace current. A
	// channel, because waiting for a mutex hears no context.
	turn    chan struct{}
	current *client.Client
}

func newSession(s Settings, o Options, l links, fresh func() *transport) *session {
	return &session{
		turn: make(chan struct{}, 1),
		open: func(ctx context.Context) (*client.Client, error) { return login(ctx, s, o, l, fresh()) },
	}
}

// get returns the client, and logs in if nobody has.
func (s *session) get(ctx context.Context) (*client.Client, error) { return s.replace(ctx, nil) }

// replace logs in anew, unless another goroutine has done so since rejected was in use.
func (s *session) replace(ctx context.Context, rejected *client.Client) (*client.Client, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	if s.current != rejected {
		return s.current, nil
	}
	opened, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	s.current = opened
	return opened, nil
}

func login(ctx context.Context, s Settings, o Options, l links, t *transport) (*client.Client, error) {
	credentials := config.UserPassword(s.Username, s.Password.Reveal())
	if s.usesClient() {
		credentials = config.ClientCredentials(s.ClientID, s.ClientSecret.Reveal())
	}
	t.opening.Store(&ctx)
	defer t.opening.Store(nil)
	cfg, err := config.New(s.API, credentials,
		config.AuthTokenURL(l.login, l.uaa),
		config.HttpClient(&http.Client{Transport: t}),
		// The time limit of one attempt is httpclient's; this one spans all
		// attempts of a request, and a Retry-After may take longer than any.
		config.RequestTimeout(24*time.Hour),
	)
	if err != nil {
		return nil, loginFailed(s, err)
	}
	if s.usesClient() {
		// go-cfclient fetches a client's token with the first request only. A wrong
		// secret shall show here.
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

// loginFailed names the setting when the login was rejected. UAA answers 401 for
// a wrong password or secret, and 400 for a grant that is not allowed to the client.
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
