package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// cf sends one request to the sandbox's Cloud Controller, as an operator would
// with cf curl.
func (w *world) cf(method, path string, body, into any) int {
	w.t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {w.env["CF_USERNAME"]}, "password": {w.env["CF_PASSWORD"]}}
	req, _ := http.NewRequestWithContext(w.t.Context(), "POST", w.env["CF_API"]+"/oauth/token", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("cf", "")
	var token struct {
		Access string `json:"access_token"`
	}
	w.send(req, &token)

	req = w.request(method, w.env["CF_API"]+path, body)
	req.Header.Set("Authorization", "bearer "+token.Access)
	return w.send(req, into)
}

// request is one with a JSON body, if any.
func (w *world) request(method, address string, body any) *http.Request {
	w.t.Helper()
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, address, in)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req
}

// send wants a good answer.
func (w *world) send(req *http.Request, into any) int {
	w.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %d %s", req.Method, req.URL.Path, resp.StatusCode, text)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			w.t.Fatalf("%s %s: %v in %s", req.Method, req.URL.Path, err, text)
		}
	}
	return resp.StatusCode
}

// deleteApp deletes an app, and waits until the platform's job has done it.
func (w *world) deleteApp(guid string) {
	w.t.Helper()
	w.cf("DELETE", "/v3/apps/"+guid, nil, nil)
	w.eventually("the app is gone", func() bool {
		var list struct {
			Resources []struct{} `json:"resources"`
		}
		w.cf("GET", "/v3/apps?guids="+guid, nil, &list)
		return len(list.Resources) == 0
	})
}

// instance finds a service instance's GUID by its name; "" if there is none.
func (w *world) instance(name string) string {
	w.t.Helper()
	var list struct {
		Resources []struct {
			GUID string `json:"guid"`
		} `json:"resources"`
	}
	w.cf("GET", "/v3/service_instances?names="+url.QueryEscape(name), nil, &list)
	if len(list.Resources) == 0 {
		return ""
	}
	return list.Resources[0].GUID
}

// unmark takes a stage's mark off the run.
func (w *world) unmark(stage string) {
	w.t.Helper()
	guid := w.instance("cutover-search-api")
	w.cf("PATCH", "/v3/service_instances/"+guid, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{"stage-" + stage: nil}},
	}, nil)
}

// removeLast deletes the record of the retired run.
func (w *world) removeLast() {
	w.t.Helper()
	if guid := w.instance("cutover-search-api-last"); guid != "" {
		w.cf("DELETE", "/v3/service_instances/"+guid, nil, nil)
	}
}

// secrets are all values that must never be printed.
func (w *world) secrets() []string {
	all := []string{"aws-secret-access-key", "AKIAEXAMPLE"}
	for name, value := range w.env {
		if strings.Contains(name, "PASSWORD") || strings.Contains(name, "TOKEN") {
			all = append(all, value)
		}
	}
	return all
}

// noSecret looks through all that a process printed and wrote, but for the
// manifests, which are for eyes only and must be readable by nobody else.
func (w *world) noSecret(p *process) {
	w.t.Helper()
	outputs := map[string]string{"stdout": p.out.String(), "stderr": p.log.String()}
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.Contains(path, "/manifests/") {
			info, err := d.Info()
			if err == nil && info.Mode().Perm() != 0o600 {
				w.t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
			return err
		}
		text, err := os.ReadFile(path)
		outputs[path] = string(text)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for where, text := range outputs {
		for _, secret := range w.secrets() {
			if strings.Contains(text, secret) {
				w.t.Errorf("a secret is in %s: %s", where, strings.ReplaceAll(text, secret, "<<<"+secret+">>>"))
			}
		}
	}
}
