package environ

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// redacted replaces a secret in output.
const redacted = "***"

// Secret is a setting that cannot be printed: fmt, slog and JSON all write "***". Only
// Reveal returns its value.
type Secret string

// Reveal returns the value, for the code that sends it.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer, so that %s and %v print "***".
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer, so that %#v prints "***".
func (s Secret) GoString() string { return redacted }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// minSecret is the length of the shortest secret that is redacted. Shorter texts are too
// common: replacing every "1" would make logs unreadable and hide nothing.
const minSecret = 4

// Redactor replaces known secrets in output: log lines, reports, errors. It finds each
// secret as it is, URL-encoded, base64-encoded and JSON-escaped, because servers echo
// tokens (the search API's 403 body is the token it got) and libraries print URLs. It is
// safe for use by several goroutines.
type Redactor struct {
	mu       sync.RWMutex
	known    map[string]bool
	replacer *strings.Replacer
}

// NewRedactor returns a Redactor that knows the given secrets.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{known: map[string]bool{}}
	r.Add(secrets...)
	return r
}

// Add adds secrets, such as the credentials in an app's environment.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		for _, form := range forms(s) {
			r.known[form] = true
		}
	}
	// Longest first, so that a secret that contains another one is replaced as a whole.
	all := slices.SortedFunc(maps.Keys(r.known), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	pairs := make([]string, 0, 2*len(all))
	for _, s := range all {
		pairs = append(pairs, s, redacted)
	}
	r.replacer = strings.NewReplacer(pairs...)
}

// forms returns a secret in all its encodings.
func forms(s string) []string {
	quoted, _ := json.Marshal(s)
	return []string{
		s,
		url.QueryEscape(s),
		url.PathEscape(s),
		base64.StdEncoding.EncodeToString([]byte(s)),
		base64.URLEncoding.EncodeToString([]byte(s)),
		strings.Trim(string(quoted), `"`),
	}
}

// Redact returns text with every known secret replaced by "***". It also replaces invalid
// UTF-8, control characters (but not line breaks and tabs) and bidirectional controls by
// "�", because text from other systems could contain terminal escape sequences.
func (r *Redactor) Redact(text string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return strings.Map(visible, r.replacer.Replace(text))
}

func visible(c rune) rune {
	if (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)) && c != '\n' && c != '\t' {
		return unicode.ReplacementChar
	}
	return c
}

// Writer returns a writer that redacts everything written to w. Each Write is redacted by
// itself, so callers must write whole lines, as slog and the card do.
func (r *Redactor) Writer(w io.Writer) io.Writer { return &redactingWriter{to: w, redactor: r} }

type redactingWriter struct {
	to       io.Writer
	redactor *Redactor
}

func (w *redactingWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.redactor.Redact(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
