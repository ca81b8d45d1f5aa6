// Package reply writes answers and reads bodies in the way that the HTTP APIs of the platform have in common.
package reply

import (
	"encoding/json"
	"io"
	"net/http"
)

// Object is a JSON object as it goes over the wire.
type Object = map[string]any

// maxBody is more than any client sends.
const maxBody = 16 << 20

// Body reads a request's body. If that is impossible, because the client left in the middle or sends too much, the
// request has been answered.
func Body(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return nil, false
	}
	return body, true
}

// Send answers with a status and with out: nothing if it is nil, bytes as they are, and anything else as JSON.
func Send(w http.ResponseWriter, status int, out any) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch out := out.(type) {
	case nil:
		w.WriteHeader(status)
	case []byte:
		w.WriteHeader(status)
		_, _ = w.Write(out)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		text := json.NewEncoder(w)
		text.SetEscapeHTML(false) // people read the links
		_ = text.Encode(out)
	}
}
