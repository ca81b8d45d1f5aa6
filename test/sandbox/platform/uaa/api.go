package uaa

import (
	"net/http"
	"net/url"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/reply"
)

// Handler serves /oauth/token, /login, /info and /token_keys.
func (u *UAA) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", u.serveToken)
	mux.HandleFunc("GET /login", u.serveLogin)
	mux.HandleFunc("GET /info", u.serveLogin)
	mux.HandleFunc("GET /token_keys", func(w http.ResponseWriter, _ *http.Request) {
		reply.Send(w, 200, reply.Object{"keys": []reply.Object{}})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { oauthError(w, 404, "not_found", "Not Found") })
	return mux
}

func (u *UAA) serveLogin(w http.ResponseWriter, r *http.Request) {
	base := u.opts.URL(r)
	reply.Send(w, 200, reply.Object{
		"app":   reply.Object{"version": "77.0.0"},
		"links": reply.Object{"uaa": base, "login": base, "passwd": base + "/forgot_password", "register": base + "/create_account"},
		"prompts": reply.Object{
			"username": []string{"text", "Email"},
			"password": []string{"password", "Password"},
		},
		"zone_name": "uaa", "entityID": base, "timestamp": u.opts.Clock.Now().Format(time.RFC3339),
	})
}

// serveToken grants a token (uaa: docs, "Token").
func (u *UAA) serveToken(w http.ResponseWriter, r *http.Request) {
	body, ok := reply.Body(w, r)
	if !ok {
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		oauthError(w, 400, "invalid_request", "Malformed request body")
		return
	}
	for k, v := range r.URL.Query() { // some clients send the grant in the query
		if !form.Has(k) {
			form[k] = v
		}
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	} else {
		id, secret = unescape(id), unescape(secret)
	}
	u.mu.Lock()
	status, out := u.grant(form, id, secret, u.opts.URL(r))
	u.mu.Unlock()
	reply.Send(w, status, out)
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// grant answers a request for a token by a client with an id and a secret. Client credentials get no refresh token. The
// lock must be held.
func (u *UAA) grant(form url.Values, id, secret, issuer string) (status int, out reply.Object) {
	kind := form.Get("grant_type")
	switch kind {
	case "password":
		if id != "cf" || secret != "" {
			return 401, problem("invalid_client", "Bad credentials")
		}
		user := u.accounts[form.Get("username")]
		if user == nil || user.Client || user.Secret != form.Get("password") {
			return 401, problem("unauthorized", "Bad credentials")
		}
		return 200, u.granted(user, kind, issuer, true)
	case "client_credentials":
		client := u.accounts[id]
		if client == nil || !client.Client || client.Secret != secret {
			return 401, problem("invalid_client", "Bad credentials")
		}
		return 200, u.granted(client, kind, issuer, false)
	case "refresh_token":
		user := u.refresh[form.Get("refresh_token")]
		if user == nil {
			return 401, problem("invalid_token", "The token expired, was revoked, or the token ID is incorrect: "+form.Get("refresh_token"))
		}
		return 200, u.granted(user, kind, issuer, true)
	}
	return 400, problem("unsupported_grant_type", "Unsupported grant type: "+kind)
}

func (u *UAA) granted(a *Account, kind, issuer string, refreshable bool) reply.Object {
	life := u.tokenLife()
	out := reply.Object{
		"access_token": u.token(a, kind, issuer, life), "token_type": "bearer", "expires_in": int(life.Seconds()),
		"scope": "cloud_controller.read cloud_controller.write openid network.write", "jti": newID(),
	}
	if refreshable {
		refresh := newID() + "-r"
		u.refresh[refresh] = a
		out["refresh_token"] = refresh
	}
	return out
}

func oauthError(w http.ResponseWriter, status int, kind, words string) {
	reply.Send(w, status, problem(kind, words))
}

func problem(kind, words string) reply.Object {
	return reply.Object{"error": kind, "error_description": words}
}
