package rig

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// CF sends one request to the sandbox's Cloud Controller with the credentials of Env, as an operator does with cf curl. The
// body, unless it is nil, is sent as JSON (a text as YAML, which a manifest is), and the answer decoded into a pointer unless that is nil.
func (s *Sandbox) CF(ctx context.Context, method, path string, body, into any) error {
	form := url.Values{"grant_type": {"password"}, "username": {s.Env["CF_USERNAME"]}, "password": {s.Env["CF_PASSWORD"]}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Env["CF_API"]+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("cf", "")
	var token struct {
		Access string `json:"access_token"`
	}
	if err := send(req, &token); err != nil {
		return err
	}
	if text, is := body.(string); is { // a manifest
		if req, err = http.NewRequestWithContext(ctx, method, s.Env["CF_API"]+path, strings.NewReader(text)); err == nil {
			req.Header.Set("Content-Type", "application/x-yaml")
		}
	} else {
		req, err = jsonRequest(ctx, method, s.Env["CF_API"]+path, body)
	}
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "bearer "+token.Access)
	return send(req, into)
}
