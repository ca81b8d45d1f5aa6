// Package uaa is the UAA: the accounts of users and clients, and the tokens that it grants them, which expire (uaa is
// cloudfoundry/uaa, ccng cloudfoundry/cloud_controller_ng).
package uaa

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// Reasons why a request is not authenticated.
var (
	ErrNoToken      = errors.New("no token")
	ErrInvalidToken = errors.New("the token is not one of this UAA, or has expired")
)

// Account is a user or a client. It does not change.
type Account struct {
	GUID, Name, Secret string
	Client             bool
	ReadOnly           bool // has the role of an auditor in the space
}

// Options say how a UAA is reached, and how long its tokens last.
type Options struct {
	Clock     *clock.Clock
	TokenLife time.Duration // of access tokens, scaled; never under 2 min in real time
	// URL is the address of the UAA as the client of a request knows it, for the links.
	URL func(*http.Request) string
}

// UAA is safe for use by several goroutines.
type UAA struct {
	opts Options
	key  []byte // signs the tokens

	mu       sync.Mutex
	accounts map[string]*Account // by name
	refresh  map[string]*Account // by refresh token
	tokens   map[string]claims   // those that were read before
}

// New makes a UAA without accounts.
func New(o Options) *UAA {
	u := &UAA{opts: o, key: make([]byte, 32), accounts: map[string]*Account{}, refresh: map[string]*Account{}, tokens: map[string]claims{}}
	_, _ = rand.Read(u.key)
	return u
}

// Add adds an account, or replaces the one that has its name.
func (u *UAA) Add(a *Account) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.accounts[a.Name] = a
}

// Authenticate returns the account to which the bearer token of an Authorization header was granted. The error is
// ErrNoToken or ErrInvalidToken. A token counts as expired by the given time.
func (u *UAA) Authenticate(header string, at time.Time) (*Account, error) {
	if header == "" {
		return nil, ErrNoToken
	}
	kind, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(kind, "bearer") {
		return nil, ErrInvalidToken
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	body, err := u.read(token)
	if err != nil || at.Unix() >= body.Expires {
		return nil, ErrInvalidToken
	}
	for _, a := range u.accounts {
		if a.GUID == body.Subject {
			return a, nil
		}
	}
	return nil, ErrInvalidToken
}

// tokenLife is scaled, but never under two minutes: the cf CLI renews a token whenever less than one minute is left of it,
// and cannot where it logged in as a client.
func (u *UAA) tokenLife() time.Duration {
	return max(u.opts.Clock.Scale(u.opts.TokenLife), 2*time.Minute).Truncate(time.Second)
}

// newID is random, and not drawn from the world's seed: how often clients log in does not change the world.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
