package platform

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// account is a user or a client.
type account struct {
	guid, name, secret string
	client, readOnly   bool
}

// claims are what clients read from a token: the cf CLI needs user_id and origin.
type claims struct {
	JTI       string   `json:"jti"`
	Subject   string   `json:"sub"`
	UserID    string   `json:"user_id,omitempty"`
	UserName  string   `json:"user_name,omitempty"`
	Email     string   `json:"email,omitempty"`
	Origin    string   `json:"origin,omitempty"`
	ClientID  string   `json:"client_id"`
	GrantType string   `json:"grant_type"`
	Scope     []string `json:"scope"`
	Issued    int64    `json:"iat"`
	Expires   int64    `json:"exp"`
	Issuer    string   `json:"iss"`
}

func (p *Platform) uaaRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /oauth/token", p.serve(postToken, false))
	mux.HandleFunc("GET /login", p.serve(showLogin, false))
	mux.HandleFunc("GET /info", p.serve(showLogin, false))
	mux.HandleFunc("GET /token_keys", p.serve(func(c *call) error { return c.reply(200, obj{"keys": []obj{}}) }, false))
	mux.HandleFunc("/", p.serve(func(c *call) error {
		return c.reply(404, obj{"error": "not_found", "error_description": "Not Found"})
	}, false))
}

func showLogin(c *call) error {
	return c.reply(200, obj{
		"app":   obj{"version": "77.0.0"},
		"links": obj{"uaa": c.base, "login": c.base, "passwd": c.base + "/forgot_password", "register": c.base + "/create_account"},
		"prompts": obj{
			"username": []string{"text", "Email"},
			"password": []string{"password", "Password"},
		},
		"zone_name": "uaa", "entityID": c.base, "timestamp": c.p.now().Format(time.RFC3339),
	})
}

// postToken grants (uaa: docs, "Token"). Client credentials get no refresh token.
func postToken(c *call) error {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return c.oauthError(400, "invalid_request", "Malformed request body")
	}
	for k, v := range c.r.URL.Query() { // some clients send the grant in the query
		if !form.Has(k) {
			form[k] = v
		}
	}
	id, secret, basic := c.r.BasicAuth()
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	} else {
		id, secret = unescape(id), unescape(secret)
	}
	switch form.Get("grant_type") {
	case "password":
		if id != "cf" || secret != "" {
			return c.oauthError(401, "invalid_client", "Bad credentials")
		}
		user := c.p.accounts[form.Get("username")]
		if user == nil || user.client || user.secret != form.Get("password") {
			return c.oauthError(401, "unauthorized", "Bad credentials")
		}
		return c.grant(user, "password", true)
	case "client_credentials":
		client := c.p.accounts[id]
		if client == nil || !client.client || client.secret != secret {
			return c.oauthError(401, "invalid_client", "Bad credentials")
		}
		return c.grant(client, "client_credentials", false)
	case "refresh_token":
		user := c.p.refresh[form.Get("refresh_token")]
		if user == nil {
			return c.oauthError(401, "invalid_token", "The token expired, was revoked, or the token ID is incorrect: "+form.Get("refresh_token"))
		}
		return c.grant(user, "refresh_token", true)
	}
	return c.oauthError(400, "unsupported_grant_type", "Unsupported grant type: "+form.Get("grant_type"))
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func (c *call) oauthError(status int, kind, words string) error {
	return c.reply(status, obj{"error": kind, "error_description": words})
}

func (c *call) grant(a *account, kind string, refreshable bool) error {
	life := c.p.tokenLife()
	out := obj{
		"access_token": c.p.token(a, kind, c.base, life), "token_type": "bearer", "expires_in": int(life.Seconds()),
		"scope": "cloud_controller.read cloud_controller.write openid network.write", "jti": c.p.newGUID(),
	}
	if refreshable {
		refresh := c.p.newGUID() + "-r"
		c.p.refresh[refresh] = a
		out["refresh_token"] = refresh
	}
	return c.reply(200, out)
}

// tokenLife is scaled, but never under two minutes: the cf CLI renews a token whenever
// less than one is left of it, and cannot where it logged in as a client.
func (p *Platform) tokenLife() time.Duration {
	return max(p.opts.Clock.Scale(p.opts.TokenLife), 2*time.Minute).Truncate(time.Second)
}

func (p *Platform) token(a *account, kind, issuer string, life time.Duration) string {
	now := p.now()
	body := claims{
		JTI: p.newGUID(), Subject: a.guid, ClientID: "cf", GrantType: kind, Issuer: issuer + "/oauth/token",
		Scope:  []string{"cloud_controller.read", "cloud_controller.write", "openid", "network.write"},
		Issued: now.Unix(), Expires: now.Add(life).Unix(),
	}
	if a.client {
		body.ClientID = a.name
	} else {
		body.UserID, body.UserName, body.Email, body.Origin = a.guid, a.name, a.name, "uaa"
	}
	payload, _ := json.Marshal(body)
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"sandbox","typ":"JWT"}`))
	signed := head + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + p.sign(signed)
}

func (p *Platform) sign(s string) string {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(s))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// authenticate checks a bearer token: none is 10002, a bad or expired one 1000
// (ccng: app/controllers/v3/application_controller.rb, validate_token!).
func (p *Platform) authenticate(header string, at time.Time) (*account, error) {
	if header == "" {
		return nil, notAuthenticated()
	}
	kind, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(kind, "bearer") {
		return nil, invalidToken()
	}
	body, err := p.claimsOf(token)
	if err != nil || at.Unix() >= body.Expires {
		return nil, invalidToken()
	}
	for _, a := range p.accounts {
		if a.guid == body.Subject {
			return a, nil
		}
	}
	return nil, invalidToken()
}

// claimsOf reads a token of ours. One that was read once is known: a process sends the same with each of its requests.
func (p *Platform) claimsOf(token string) (claims, error) {
	if known, is := p.tokens[token]; is {
		return known, nil
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !hmac.Equal([]byte(p.sign(parts[0]+"."+parts[1])), []byte(parts[2])) {
		return claims{}, invalidToken()
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims{}, err
	}
	var body claims
	if err := json.Unmarshal(payload, &body); err != nil {
		return claims{}, err
	}
	p.tokens[token] = body
	return body, nil
}
