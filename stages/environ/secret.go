package environ

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/url"
	"sort"
	"strings"
	"sync"
	"unicode"
)

// redacted stands wherever a secret would have stood.
const redacted = "***"

// Secret is a setting that cannot be printed: every way of turning it into
// text (fmt, slog, JSON) gives "***". Reveal is the only way to its value.
type Secret string

// Reveal returns the value, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer, so that %s and %v print "***".
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer, so that %#v prints "***".
func (s Secret) GoString() string { return redacted }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// minSecret is the length under which a value is too common a text to be
// searched for: blanking every "1" would make logs unreadable and hide nothing.
const minSecret = 4

// Redactor blanks known secrets in whatever is about to leave the process:
// log lines, reports, errors. It knows each secret as it is, URL-encoded,
// base64-encoded and JSON-escaped, because servers echo tokens (the search API's
// 403 body is the token offered) and libraries print request addresses.
// It is safe for use by several goroutines.
type Redactor struct {
	mu    sync.RWMutex
	known map[string]bool
	from  *strings.Replacer
}

// NewRedactor returns a Redactor that knows the given secrets.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{known: map[string]bool{}}
	r.Add(secrets...)
	return r
}

// Add makes further secrets known, such as the credentials found in an app's environment.
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
	all := make([]string, 0, len(r.known))
	for s := range r.known {
		all = append(all, s)
	}
	// The longest first, so that a secret that contains another goes whole.
	sort.Slice(all, func(i, j int) bool {
		if len(all[i]) != len(all[j]) {
			return len(all[i]) > len(all[j])
		}
		return all[i] < all[j]
	})
	pairs := make([]string, 0, 2*len(all))
	for _, s := range all {
		pairs = append(pairs, s, redacted)
	}
	r.from = strings.NewReplacer(pairs...)
}

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

// Redact returns text with every known secret replaced by "***", and what a
// terminal would obey, or cannot read, by "�": part of it is other people's words.
func (r *Redactor) Redact(text string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.from != nil {
		text = r.from.Replace(text)
	}
	return strings.Map(visible, text)
}

func visible(c rune) rune {
	if (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)) && c != '\n' && c != '\t' {
		return unicode.ReplacementChar
	}
	return c
}

// Writer returns a writer that redacts what passes through it to w. Each Write
// is redacted by itself: callers write whole lines, as slog and the card do.
func (r *Redactor) Writer(w io.Writer) io.Writer { return &redactingWriter{to: w, by: r} }

type redactingWriter struct {
	to io.Writer
	by *Redactor
}

func (w *redactingWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.by.Redact(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
