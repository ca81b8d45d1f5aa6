package console

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Logger is for what is logged outside of a stage's tasks, such as the wait for a
// lease: the same lines as the rest of the log.
func (l *Log) Logger() *slog.Logger {
	if l.JSON != nil {
		return l.JSON
	}
	return slog.New(handler{log: l})
}

// handler writes a record as one line: the message, then its attributes in brackets.
type handler struct {
	log   *Log
	attrs []slog.Attr
}

func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (h handler) Handle(_ context.Context, r slog.Record) error {
	var said []string
	for _, a := range h.attrs {
		said = append(said, a.Key+" "+a.Value.String())
	}
	r.Attrs(func(a slog.Attr) bool {
		said = append(said, a.Key+" "+a.Value.String())
		return true
	})
	text := r.Message
	if len(said) > 0 {
		text += fmt.Sprintf(" (%s)", strings.Join(said, "; "))
	}
	mark := "…     "
	if r.Level > slog.LevelInfo {
		mark = "note  "
	}
	h.log.line("%s %s", mark, oneLine(text))
	return nil
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = slices.Concat(h.attrs, attrs)
	return h
}

// WithGroup keeps the names as they are: a line has no room for groups.
func (h handler) WithGroup(string) slog.Handler { return h }
