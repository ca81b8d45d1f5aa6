package cloudfoundry

import "github.com/digitalmarketplace/cutover/stages/environ"

// Settings hold the address of the Cloud Foundry API and the login. The struct that
// embeds them sets the prefix of the variables: `env:", prefix=CF_"`. With it, the
// names are those of the cf command where it has such a variable.
type Settings struct {
	API               string         `env:"API, default=https://api.cloud.service.gov.uk" help:"Address of the Cloud Foundry API."`
	Org               string         `env:"ORG, default=digitalmarketplace" help:"Organisation that the apps are in."`
	Space             string         `env:"SPACE, default=$STAGE" help:"Space that the apps are in."`
	Username          string         `env:"USERNAME" help:"User who may write in the space (a Space Developer)."`
	Password          environ.Secret `env:"PASSWORD" help:"Password of that user."`
	ClientID          string         `env:"CLIENT_ID" help:"UAA client, instead of a user and password."`
	ClientSecret      environ.Secret `env:"CLIENT_SECRET" help:"Secret of that UAA client."`
	SkipSSLValidation bool           `env:"SKIP_SSL_VALIDATION" help:"Accept any certificate of the API."`
}

// Problems lists what is missing. A login needs a user and a password, or a UAA
// client and its secret.
func (s Settings) Problems() environ.Problems {
	var all environ.Problems
	missing := func(variable, what string) { all = append(all, environ.Problem{Variable: variable, What: what}) }
	switch {
	case s.usesClient():
		if s.ClientID == "" {
			missing("CF_CLIENT_ID", "is not set, but CF_CLIENT_SECRET is")
		}
		if s.ClientSecret == "" {
			missing("CF_CLIENT_SECRET", "is not set, but CF_CLIENT_ID is")
		}
	default:
		if s.Username == "" {
			missing("CF_USERNAME", "is not set (nor are CF_CLIENT_ID and CF_CLIENT_SECRET)")
		}
		if s.Password == "" {
			missing("CF_PASSWORD", "is not set (nor are CF_CLIENT_ID and CF_CLIENT_SECRET)")
		}
	}
	if s.API == "" {
		missing("CF_API", "is not set")
	}
	if s.Org == "" {
		missing("CF_ORG", "is not set")
	}
	if s.Space == "" {
		missing("CF_SPACE", "is not set, nor is STAGE, its default")
	}
	return all
}

// usesClient reports whether to log in as a UAA client. If a user is set too, the
// user logs in.
func (s Settings) usesClient() bool {
	return s.Username == "" && s.Password == "" && (s.ClientID != "" || s.ClientSecret != "")
}

// credential returns the name of the variable to check after a rejected login.
func (s Settings) credential() string {
	if s.usesClient() {
		return "CF_CLIENT_SECRET"
	}
	return "CF_PASSWORD"
}
