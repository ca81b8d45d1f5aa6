package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// The lines of a document between which the table stands.
const (
	tableBegins = "<!-- speed: scripts/bench -readme test/bench/README.md -->\n\n"
	tableEnds   = "\n<!-- end of speed -->"
)

// between puts a table in the place of the one that a document has.
func between(text, table string) (string, error) {
	before, rest, found := strings.Cut(text, tableBegins)
	_, after, closed := strings.Cut(rest, tableEnds)
	if !found || !closed {
		return "", fmt.Errorf("it has no %q … %q", strings.TrimSpace(tableBegins), strings.TrimSpace(tableEnds))
	}
	return before + tableBegins + table + tableEnds + after, nil
}

// quote writes the table into a document.
func quote(file, table string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	quoted, err := between(string(text), table)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(quoted), 0o644) //nolint:gosec // a document
}

// quotable wants a document that has a place for the table, before half an hour goes into it, and all of the table.
func quotable(file, only string) error {
	if file == "" {
		return nil
	}
	if only != "" {
		return errors.New("-readme quotes the whole table: without -only")
	}
	text, err := os.ReadFile(file)
	if err == nil {
		_, err = between(string(text), "")
	}
	if err != nil {
		return fmt.Errorf("-readme: %w", err)
	}
	return nil
}
