package cloudfoundry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/cloudfoundry/go-cfclient/v3/client"
	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// perPage is the page size of lists; the API allows 5,000 (CC API: Pagination).
const perPage = "500"

// request is one call to the API. A path that is a URL goes to another API of the
// platform, such as log-cache's.
type request struct {
	method, path string
	query        url.Values
	body         []byte
	contentType  string
}

// send sends a request, and once more after a new login if the token is rejected. A
// 401 means that nothing was done, so it is safe to repeat a write.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	used, err := c.session.get(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := c.sendWith(ctx, used, r)
	if !isRejected(err) {
		return resp, err
	}
	if used, err = c.session.replace(ctx, used); err != nil {
		return nil, err
	}
	resp, err = c.sendWith(ctx, used, r)
	if isRejected(err) {
		err = loginFailed(c.settings, err)
	}
	return resp, err
}

func (c *Client) sendWith(ctx context.Context, with *client.Client, r request) (*http.Response, error) {
	address := r.path
	if !strings.Contains(address, "://") {
		address = c.settings.API + address
	}
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		req.Header.Set("Content-Type", r.contentType)
	}
	resp, err := with.ExecuteAuthRequest(req)
	if err != nil {
		return nil, asError(operation(req), err)
	}
	return resp, nil
}

// get reads JSON. In a process that only reads, a recent response is reused (see
// Options.CacheFor).
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	op, key := "GET "+path, path+"?"+query.Encode()
	if body, found := c.cache.get(key); found {
		return unmarshal(op, body, into)
	}
	resp, err := c.send(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return &Error{Op: op, cause: err}
	}
	if err := unmarshal(op, body, into); err != nil {
		return err
	}
	c.cache.put(key, body)
	return nil
}

// errEmpty is the error of an empty response to a read, which the platform never
// sends. Decoded into an object or a list, it would look as if nothing existed.
var errEmpty = errors.New("the response is empty: a proxy may have answered instead of the platform")

// unmarshal decodes a response that must not be empty. Only raw JSON (a binding's
// parameters) may be an empty object.
func unmarshal(op string, body []byte, into any) error {
	_, raw := into.(*json.RawMessage)
	if text := bytes.TrimSpace(body); len(text) == 0 || !raw && string(text) == "{}" {
		return &Error{Op: op, cause: errEmpty}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return &Error{Op: op, cause: fmt.Errorf("decode the response: %w", err)}
	}
	return nil
}

// write sends JSON. If the platform continues in a job, it returns the path of the
// job; otherwise it decodes the response into into.
func (c *Client) write(ctx context.Context, method, path string, body, into any) (job string, err error) {
	r := request{method: method, path: path, contentType: "application/json"}
	if body != nil {
		if r.body, err = json.Marshal(body); err != nil {
			return "", err
		}
	}
	resp, err := c.send(ctx, r)
	if err != nil {
		return "", err
	}
	if job := jobOf(resp); job != "" {
		return job, resp.Body.Close()
	}
	return "", decode(method+" "+path, resp, into)
}

// jobOf returns the path of the job in the Location header of a 202, or "".
func jobOf(resp *http.Response) string {
	location, err := resp.Location()
	if err != nil {
		return ""
	}
	if i := strings.Index(location.Path, "/v3/jobs/"); i >= 0 {
		return location.Path[i:]
	}
	return ""
}

func decode(op string, resp *http.Response, into any) error {
	defer resp.Body.Close()
	if into == nil || resp.StatusCode == http.StatusNoContent {
		_, err := io.Copy(io.Discard, resp.Body)
		if err != nil {
			return &Error{Op: op, cause: err}
		}
		return nil
	}
	err := json.NewDecoder(resp.Body).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return &Error{Op: op, cause: err}
	}
	return nil
}

// list reads all pages of a list. The link to the next page is absolute and may
// name another host than CF_API, so only its query is used. A link to a page that was
// already read is an error, because it would never end.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("per_page", perPage)
	var all []T
	for read := map[string]bool{}; ; {
		if read[query.Encode()] {
			return nil, &Error{Op: "GET " + path, cause: fmt.Errorf("page %d links back to a page that was already read", len(read))}
		}
		read[query.Encode()] = true
		var page struct {
			Pagination resource.Pagination `json:"pagination"`
			Resources  []T                 `json:"resources"`
		}
		if err := c.get(ctx, path, query, &page); err != nil {
			return nil, err
		}
		if page.Resources == nil {
			return nil, &Error{Op: "GET " + path, cause: errEmpty}
		}
		all = append(all, page.Resources...)
		if page.Pagination.Next.Href == "" {
			return all, nil
		}
		next, err := url.Parse(page.Pagination.Next.Href)
		if err != nil {
			return nil, &Error{Op: "GET " + path, cause: err}
		}
		query = next.Query()
	}
}

// firstOrNil returns the first object of a list, or nil if it is empty.
func firstOrNil[T any](all []T, err error) (*T, error) {
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// filter builds a query from pairs of a name and a value, leaving out empty values.
func filter(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}
