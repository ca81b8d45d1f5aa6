package faults

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
)

// statusWriter remembers the status of an answer that it passes on.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.ended()
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) ended() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// buffer holds an answer back.
type buffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffer) Header() http.Header { return b.header }

func (b *buffer) WriteHeader(status int) {
	if b.status == 0 && status >= 200 {
		b.status = status
	}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

func (b *buffer) send(w http.ResponseWriter) {
	b.WriteHeader(http.StatusOK)
	maps.Copy(w.Header(), b.header)
	w.WriteHeader(b.status)
	_, _ = b.body.WriteTo(w)
}

// cut announces the length of the whole answer, sends half of it, and closes the connection.
func (b *buffer) cut(w http.ResponseWriter) {
	b.WriteHeader(http.StatusOK)
	b.header.Set("Content-Length", strconv.Itoa(b.body.Len()))
	b.body.Truncate(b.body.Len() / 2)
	b.send(w)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
