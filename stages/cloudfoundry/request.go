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

// request is one call of the API.
type request struct {
	method, path string
	query        url.Values
	body         []byte
	contentType  string
}

// send makes the call, with one new login where the token is rejected. A 401 says
// that nothing was done, so a write may be sent again.
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

// get reads one answer. In a process that only looks, one that is young enough is
// not asked for again.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	op, question := "GET "+path, path+"?"+query.Encode()
	if body, known := c.recall.of(question); known {
		return understand(op, body, into)
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
	if err := understand(op, body, into); err != nil {
		return err
	}
	c.recall.keep(question, body)
	return nil
}

// errEmpty: a read is never answered with nothing. Taken for an object without
// fields, or a list without members, it would say that something is not there.
var errEmpty = errors.New("the answer is empty: something else answered in the platform's place")

// understand reads an answer that has to say something.
func understand(op string, body []byte, into any) error {
	_, anything := into.(*json.RawMessage)
	if text := bytes.TrimSpace(body); len(text) == 0 || !anything && string(text) == "{}" {
		return &Error{Op: op, cause: errEmpty}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return &Error{Op: op, cause: fmt.Errorf("read the answer: %w", err)}
	}
	return nil
}

// write sends a body of JSON. It returns the address of the job where the
// platform goes on by itself; otherwise the answer is in into.
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

// jobOf returns the path of the job in the Location of a 202.
func jobOf(resp *http.Response) string {
	at, err := resp.Location()
	if err != nil || !strings.Contains(at.Path, "/v3/jobs/") {
		return ""
	}
	return at.Path[strings.Index(at.Path, "/v3/jobs/"):]
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

// list reads all pages. Pages are followed by their own link, which is absolute
// and may name another host than the one we were told to use: only its path and
// query count. A page that is named a second time would be read for ever.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("per_page", perPage)
	var all []T
	for read := map[string]bool{}; ; {
		if read[query.Encode()] {
			return nil, &Error{Op: "GET " + path, cause: fmt.Errorf("after %d pages the list names one again that was read", len(read))}
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

// only returns the one object of a list, or nil where there is none.
func only[T any](all []T, err error) (*T, error) {
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// filter makes a query of names and values; pairs without a value are left out.
func filter(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}
