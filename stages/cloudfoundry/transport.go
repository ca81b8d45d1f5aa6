package cloudfoundry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// tokenTimeout limits the renewal of a token. go-cfclient renews tokens under a lock
// and with a context of its own, so a longer renewal could not be interrupted.
const tokenTimeout = 10 * time.Second

// transport sits between go-cfclient and the network and does what go-cfclient does
// not do:
//
//   - It turns a response with a status of 400 or above into an *Error that has the
//     status and all errors of the response. This also avoids go-cfclient's own
//     renewal of the token after a 401, which swaps the token source without a lock.
//   - It turns a redirect into an *Error too: none of the calls made here has one, and
//     following it would send the token to another server.
//   - It treats the POST that fetches a token as a read.
//   - It lets the caller's context interrupt a login.
type transport struct {
	base   http.RoundTripper
	api    string
	clock  *clock
	redact *environ.Redactor
	// loginContext is the context of the login in progress, or nil.
	loginContext atomic.Pointer[context.Context]
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if isTokenRequest(r) {
		return t.fetchToken(r)
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return t.checkStatus(r, resp)
}

func isTokenRequest(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/oauth/token")
}

func (t *transport) fetchToken(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), tokenTimeout)
	if login := t.loginContext.Load(); login != nil {
		cancel()
		ctx, cancel = context.WithCancel(*login)
	}
	defer cancel()
	resp, err := t.base.RoundTrip(r.WithContext(httpclient.AsRead(ctx)))
	if err != nil {
		return nil, err
	}
	resp, err = t.checkStatus(r, resp)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// checkStatus turns an error status into an *Error, and reads the platform's clock.
func (t *transport) checkStatus(r *http.Request, resp *http.Response) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), t.api+"/") || r.URL.String() == t.api {
		t.clock.set(resp.Header)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	e := statusError(operation(r), resp)
	e.Detail = t.redact.Redact(e.Detail)
	return nil, e
}

func operation(r *http.Request) string { return r.Method + " " + r.URL.Path }

// links are the URLs of the platform's other APIs.
type links struct{ login, uaa, logCache, networkPolicy string }

// discover reads the links in the root of the API, which needs no login (CC API:
// Global API Root). go-cfclient's own discovery cannot be interrupted by a context.
func discover(ctx context.Context, api string, t *transport) (links, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/", nil)
	if err != nil {
		return links{}, err
	}
	resp, err := (&http.Client{Transport: t}).Do(r)
	if err != nil {
		return links{}, asError(operation(r), err)
	}
	defer resp.Body.Close()
	var root resource.Root
	if err := json.NewDecoder(resp.Body).Decode(&root); err != nil {
		return links{}, fmt.Errorf("CF_API is not a Cloud Foundry API: %w", err)
	}
	found := links{
		login: root.Links.Login.Href, uaa: cmp.Or(root.Links.Uaa.Href, root.Links.Login.Href),
		logCache: root.Links.LogCache.Href, networkPolicy: root.Links.NetworkPolicyV1.Href,
	}
	if found.uaa == "" {
		return links{}, errors.New("CF_API is not a Cloud Foundry API: it has no link to a login server")
	}
	return found, nil
}
