package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// obj is a JSON object as it goes over the wire.
type obj = map[string]any

// session calls the Cloud Foundry API for one release.
type session struct {
	ctx      context.Context
	api      string
	password string
	token    string // "" before the first request
	client   *http.Client
	clock    *clock.Clock
}

// login gets a token. The UAA knows the cf CLI as a client without a secret.
func (s *session) login() error {
	form := url.Values{"grant_type": {"password"}, "username": {User}, "password": {s.password}}
	req, err := s.request(http.MethodPost, "/oauth/token", "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err != nil {
		return err
	}
	req.SetBasicAuth("cf", "")
	a, err := s.do(req)
	if err != nil {
		return fmt.Errorf("log in as %s: %w", User, err)
	}
	s.token, _ = a.body["access_token"].(string)
	return nil
}

func (s *session) json(method, path string, body any) (obj, error) {
	var raw []byte
	if body != nil {
		raw, _ = json.Marshal(body)
	}
	return s.send(method, path, "application/json", raw)
}

// send makes one request, and waits for the job if it starts one. If the token has expired, it logs in again.
func (s *session) send(method, path, kind string, body []byte) (obj, error) {
	a, err := s.authorized(method, path, kind, body)
	if a.status == http.StatusUnauthorized {
		s.token = ""
		a, err = s.authorized(method, path, kind, body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if a.status == http.StatusAccepted && a.location != "" {
		return nil, s.await(strings.TrimPrefix(a.location, s.api))
	}
	return a.body, nil
}

func (s *session) authorized(method, path, kind string, body []byte) (answer, error) {
	if s.token == "" {
		if err := s.login(); err != nil {
			return answer{}, err
		}
	}
	req, err := s.request(method, path, kind, body)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "bearer "+s.token)
	return s.do(req)
}

func (s *session) request(method, path, kind string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(s.ctx, method, s.api+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", User)
	return req, nil
}

// answer is a response that was read to its end.
type answer struct {
	status   int
	location string
	body     obj
}

// do fails, and still has the status, if the answer is an error.
func (s *session) do(req *http.Request) (answer, error) {
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, location: res.Header.Get("Location")}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return a, err
	}
	if res.StatusCode >= 400 {
		return a, fmt.Errorf("%d %s", res.StatusCode, strings.TrimSpace(string(text)))
	}
	if len(text) > 0 {
		err = json.Unmarshal(text, &a.body)
	}
	return a, err
}

// first is the GUID of the first resource of a list; "" if the list is empty. The filters are pairs of a name and a value.
func (s *session) first(path string, filters ...string) (string, error) {
	q := url.Values{}
	for i := 0; i+1 < len(filters); i += 2 {
		q.Set(filters[i], filters[i+1])
	}
	rows, err := s.list(path + "?" + q.Encode())
	if err != nil || len(rows) == 0 {
		return "", err
	}
	guid, _ := rows[0]["guid"].(string)
	return guid, nil
}

// list is the first page of a list.
func (s *session) list(path string) ([]obj, error) {
	out, err := s.json(http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return objects(out["resources"]), nil
}

// objects are the elements of a JSON array of objects.
func objects(list any) []obj {
	elements, _ := list.([]any)
	rows := make([]obj, 0, len(elements))
	for _, e := range elements {
		if row, is := e.(obj); is {
			rows = append(rows, row)
		}
	}
	return rows
}

// await returns when a job has ended (Cloud Foundry v3 API docs, "The job object").
func (s *session) await(job string) error {
	return s.until(job, func() (bool, error) {
		out, err := s.json(http.MethodGet, job, nil)
		if err != nil {
			return false, err
		}
		if out["state"] == "FAILED" {
			return false, fmt.Errorf("%v", out["errors"])
		}
		return out["state"] == "COMPLETE", nil
	})
}

// until repeats a question every three seconds, scaled, until the answer is yes or an error.
func (s *session) until(what string, done func() (bool, error)) error {
	for {
		ok, err := done()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if ok {
			return nil
		}
		wait := max(s.clock.Scale(3*time.Second), 5*time.Millisecond)
		if err := clock.Wait(s.ctx, wait); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}
