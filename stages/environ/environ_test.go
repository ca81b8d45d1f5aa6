package environ

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type system struct {
	URL      string `env:"URL, default=https://api.$STAGE.test" help:"where it is"`
	Token    Secret `env:"TOKEN" perstage:"true" required:"true" help:"the token"`
	Attempts int    `env:"ATTEMPTS, default=3" help:"how often"`
}

type settings struct {
	Stage string        `env:"STAGE" required:"true" help:"the environment"`
	API   system        `env:", prefix=API_"`
	Drain time.Duration `env:"DRAIN, default=60s" help:"how long"`
}

func from(m map[string]string) Lookup {
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, problems := Load[settings](context.Background(), from(map[string]string{
		"STAGE": "", "API_ATTEMPTS": "many", "DRAIN": "soon",
	}))
	var names []string
	for _, p := range problems {
		names = append(names, p.Variable)
	}
	want := []string{"STAGE", "API_TOKEN_<STAGE>", "API_ATTEMPTS", "DRAIN"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if !strings.Contains(problems.Error(), `"soon" is not a duration`) {
		t.Errorf("the message does not say what is wrong with DRAIN: %s", problems)
	}
}

// A header cannot contain a line break, and a file of credentials often ends in one.
func TestSecretWithALineBreakIsAProblem(t *testing.T) {
	_, problems := Load[settings](context.Background(), from(map[string]string{"STAGE": "preview", "API_TOKEN_PREVIEW": "t0ken-value\n"}))
	if len(problems) != 1 || problems[0].Variable != "API_TOKEN_PREVIEW" || strings.Contains(problems.Error(), "t0ken") {
		t.Errorf("problems: %v", problems)
	}
}

func TestCredentialsInAURLAreSecrets(t *testing.T) {
	for address, secrets := range map[string][]string{
		"https://t0ken-value@git.test/x":                 {"t0ken-value"},
		"https://somebody:t0ken-value@git.test:8443/x@y": {"t0ken-value"},
		"https://t0ken-value:x-oauth-basic@git.test":     {"t0ken-value"},
		"https://git.test/x@y":                           nil,
	} {
		lookup := from(map[string]string{"STAGE": "preview", "API_URL": address})
		text := NewRedactor(Secrets(reflect.TypeFor[settings](), lookup)...).Redact("ask " + address)
		for _, s := range Effective(reflect.TypeFor[settings](), lookup) {
			text += s.Value
		}
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s is not redacted: %s", address, text)
			}
		}
		if secrets == nil && !strings.Contains(text, "ask "+address) {
			t.Errorf("%s has no secret, but was changed: %s", address, text)
		}
	}
}

func TestTerminalEscapeSequencesAreReplaced(t *testing.T) {
	got := NewRedactor("t0ken-value").Redact("one\tline\n\x1b[31mred\a\r\u009b2J\xff\u202e end of t0ken-value")
	if want := "one\tline\n\ufffd[31mred\ufffd\ufffd\ufffd2J\ufffd\ufffd end of ***"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEmptyVariableCountsAsUnset(t *testing.T) {
	got, problems := Load[settings](context.Background(), from(map[string]string{
		"STAGE": "preview", "API_TOKEN_PREVIEW": "t0ken-value", "API_URL": "", "DRAIN": "",
	}))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := settings{"preview", system{"https://api.preview.test", "t0ken-value", 3}, time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestEffectiveNamesSourcesAndHidesSecrets(t *testing.T) {
	all := Effective(reflect.TypeFor[settings](), from(map[string]string{"STAGE": "preview", "API_TOKEN_PREVIEW": "t0ken-value"}))
	var lines []string
	for _, s := range all {
		lines = append(lines, fmt.Sprintf("%s=%s (%s)", s.Name, s.Value, s.Source))
	}
	want := []string{
		"STAGE=preview (environment)", "API_URL=https://api.preview.test (default)",
		"API_TOKEN_PREVIEW=*** (environment)", "API_ATTEMPTS=3 (default)", "DRAIN=60s (default)",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("effective settings (-want +got):\n%s", diff)
	}
}

func TestSecretCannotBePrinted(t *testing.T) {
	s := struct{ Token Secret }{"hunter2-and-more"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", s.Token, "all", s)
	asJSON, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %s %q", s, s, s.Token, s.Token), log.String(), string(asJSON)} {
		if strings.Contains(out, "hunter2") {
			t.Errorf("the secret was printed: %s", out)
		}
	}
}

func TestRedactorReplacesEveryEncodingOfASecret(t *testing.T) {
	secret := `pä$s"w/rd+&`
	var out bytes.Buffer
	w := NewRedactor(secret).Writer(&out)
	quoted, _ := json.Marshal(secret)
	for _, form := range []string{
		secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)), string(quoted),
		"https://user:" + url.PathEscape(secret) + "@host/",
	} {
		out.Reset()
		fmt.Fprintf(w, "before %s after", form)
		if strings.Contains(out.String(), strings.Trim(form, `"`)) || !strings.Contains(out.String(), redacted) {
			t.Errorf("%q was written as %q", form, out.String())
		}
	}
}
