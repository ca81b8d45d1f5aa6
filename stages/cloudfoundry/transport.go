package cloudfoundry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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

// tokenTimeout bounds the renewal of a token. go-cfclient renews under a lock and
// with a context of its own, so that nobody could interrupt a longer one.
const tokenTimeout = 10 * time.Second

// transport stands between go-cfclient and the network, for what go-cfclient
// does not do:
//
//   - an answer of 400 and above becomes an *Error, with its status and all of its
//     errors. It also keeps go-cfclient from its own way of renewing a token
//     after a 401, which swaps the token source without a lock;
//   - the POST that fetches a token counts as a read;
//   - a redirection is such an answer too: none of the calls made here has one, and
//     the token would go wherever it leads;
//   - a login hears the context of whoever asked for it.
type transport struct {
	base   http.RoundTripper
	api    string
	clock  *clock
	redact *environ.Redactor
	// opening is the context of the login under way.
	opening atomic.Pointer[context.Context]
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if isToken(r) {
		return t.token(r)
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return t.judge(r, resp)
}

func isToken(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/oauth/token")
}

func (t *transport) token(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), tokenTimeout)
	if opening := t.opening.Load(); opening != nil {
		cancel()
		ctx, cancel = context.WithCancel(*opening)
	}
	defer cancel()
	resp, err := t.base.RoundTrip(r.WithContext(httpclient.Harmless(ctx)))
	if err != nil {
		return nil, err
	}
	resp, err = t.judge(r, resp)
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

func (t *transport) judge(r *http.Request, resp *http.Response) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), t.api+"/") || r.URL.String() == t.api {
		t.clock.set(resp.Header)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	e := wrongStatus(operation(r), resp)
	e.Detail = t.redact.Redact(e.Detail)
	return nil, e
}

func operation(r *http.Request) string { return r.Method + " " + r.URL.Path }

// links are the parts of the platform.
type links struct {
	login, uaa, logCache, networkPolicy string
	version                             string
}

// discover reads the root of the API, which needs no login
// (CC API: Global API Root). go-cfclient's own discovery does not hear a context.
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
		return links{}, fmt.Errorf("CF_API does not answer as a Cloud Foundry API: %w", err)
	}
	found := links{
		login: root.Links.Login.Href, uaa: cmp.Or(root.Links.Uaa.Href, root.Links.Login.Href),
		logCache: root.Links.LogCache.Href, networkPolicy: root.Links.NetworkPolicyV1.Href,
		version: root.Links.CloudControllerV3.Meta.Version,
	}
	if found.uaa == "" {
		return links{}, fmt.Errorf("CF_API does not answer as a Cloud Foundry API: no link to a login server")
	}
	return found, nil
}
