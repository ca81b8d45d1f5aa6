package uaa

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

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

// token is a signed JWT.
func (u *UAA) token(a *Account, kind, issuer string, life time.Duration) string {
	now := u.opts.Clock.Now()
	body := claims{
		JTI: newID(), Subject: a.GUID, ClientID: "cf", GrantType: kind, Issuer: issuer + "/oauth/token",
		Scope:  []string{"cloud_controller.read", "cloud_controller.write", "openid", "network.write"},
		Issued: now.Unix(), Expires: now.Add(life).Unix(),
	}
	if a.Client {
		body.ClientID = a.Name
	} else {
		body.UserID, body.UserName, body.Email, body.Origin = a.GUID, a.Name, a.Name, "uaa"
	}
	payload, _ := json.Marshal(body)
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"sandbox","typ":"JWT"}`))
	signed := head + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + u.sign(signed)
}

func (u *UAA) sign(s string) string {
	mac := hmac.New(sha256.New, u.key)
	mac.Write([]byte(s))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// read reads a token that this UAA has signed. The result is kept, because a process sends the same token with each of
// its requests. The lock must be held.
func (u *UAA) read(token string) (claims, error) {
	if known, is := u.tokens[token]; is {
		return known, nil
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !hmac.Equal([]byte(u.sign(parts[0]+"."+parts[1])), []byte(parts[2])) {
		return claims{}, ErrInvalidToken
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims{}, err
	}
	var body claims
	if err := json.Unmarshal(payload, &body); err != nil {
		return claims{}, err
	}
	u.tokens[token] = body
	return body, nil
}
