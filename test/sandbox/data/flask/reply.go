package flask

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// MinimumSize is the size in bytes from which a body is compressed (dmutils/flask.py: DMGzipMiddleware).
const MinimumSize = 8192

// NotFound is werkzeug's description of a 404.
const NotFound = "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again."

// BadRequest is werkzeug's description of a 400. A body that is not JSON gets no other.
const BadRequest = "The browser (or proxy) sent a request that this server could not understand."

// MethodNotAllowed is werkzeug's description of a 405.
const MethodNotAllowed = "The method is not allowed for the requested URL."

// JSON answers with v as jsonify renders it. It is compressed if compress is true, the client accepts it and the body is
// long enough. There is no Vary header, because flask_gzip sends none.
func JSON(w http.ResponseWriter, r *http.Request, status int, v any, compress bool) {
	body := append(Append(nil, v), '\n')
	Body(w, r, status, body, compress)
}

// Body is JSON for a body that is already rendered.
func Body(w http.ResponseWriter, r *http.Request, status int, body []byte, compress bool) {
	if compress && len(body) >= MinimumSize && status/100 == 2 && TakesGzip(r) {
		Zipped(w, status, Zip(body))
		return
	}
	send(w, status, body)
}

// TakesGzip reports whether the client accepts a compressed answer.
func TakesGzip(r *http.Request) bool {
	return strings.Contains(strings.ToLower(r.Header.Get("Accept-Encoding")), "gzip")
}

// Zipped is Body for a body that is already compressed.
func Zipped(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Encoding", "gzip")
	send(w, status, body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	setCommon(h)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// Error answers {"error": "…"} as dmutils' json_error_handler does for an HTTP exception: json.dumps, with a space after
// the colon and no newline.
func Error(w http.ResponseWriter, status int, description string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	setCommon(h)
	body := append(AppendString([]byte(`{"error": `), description), '}')
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// InternalError answers as json_error_handler does for everything that is not an HTTP exception.
func InternalError(w http.ResponseWriter, r *http.Request) {
	JSON(w, r, http.StatusInternalServerError, map[string]any{"error": "Internal error"}, false)
}

// HTML answers as nginx does with its own pages.
func HTML(w http.ResponseWriter, status int) {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	if status == http.StatusRequestEntityTooLarge {
		text = "413 Request Entity Too Large"
	}
	body := "<html>\r\n<head><title>" + text + "</title></head>\r\n<body>\r\n<center><h1>" + text +
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// Authenticated answers 401 or 403 and returns false unless the request has one of the tokens. Forbidden is given the wrong
// token and returns the text of the 403: both applications repeat the token.
// The challenge is sent twice, as it is on the wire.
func Authenticated(w http.ResponseWriter, r *http.Request, tokens []string, forbidden func(token string) string) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		w.Header()["Www-Authenticate"] = []string{"Bearer realm=main", "Bearer realm=main"}
		Error(w, http.StatusUnauthorized, "Unauthorized; bearer token must be provided")
		return false
	}
	for _, t := range tokens {
		if t == token {
			return true
		}
	}
	Error(w, http.StatusForbidden, forbidden(token))
	return false
}

// Base is the address with which absolute links begin, as url_for(_external=True) makes it.
func Base(r *http.Request) string {
	scheme := r.Header.Get("X-Forwarded-Proto")
	if scheme == "" {
		scheme = "http"
	}
	return scheme + "://" + r.Host
}

func setCommon(h http.Header) {
	h.Set("X-Frame-Options", "DENY") // dmutils/flask_init.py
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return z
}}

// Zip compresses a body.
func Zip(body []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(body) / 3)
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(&b)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}
