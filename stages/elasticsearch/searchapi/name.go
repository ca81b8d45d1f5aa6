package searchapi

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Name is the name of an index or an alias, known to be plain: lower-case
// letters, digits, '-' and '_', beginning with a letter or a digit.
//
// The search API hands whatever stands in the path to the engine: DELETE /_all
// erases every index, wildcards and lists name several at once. No call of this
// package takes a text where a Name belongs, and the zero Name is refused.
type Name struct{ text string }

// maxName is the engine's own limit.
const maxName = 255

// ParseName returns the text as a Name, or says why it is none.
func ParseName(text string) (Name, error) {
	plain := regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	if !plain.MatchString(text) || len(text) > maxName {
		return Name{}, fmt.Errorf("%q is not the name of an index: lower-case letters, digits, '-' and '_', a letter or digit first", text)
	}
	return Name{text}, nil
}

// String returns the name; "" for the zero Name.
func (n Name) String() string { return n.text }

// IsZero tells whether it is no name at all.
func (n Name) IsZero() bool { return n.text == "" }

// MarshalText implements encoding.TextMarshaler.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.text), nil }

// UnmarshalText implements encoding.TextUnmarshaler, with ParseName's rule.
func (n *Name) UnmarshalText(text []byte) (err error) {
	*n, err = ParseName(string(text))
	return err
}

// DocType is the kind of document an index holds: the second part of a document's path.
type DocType string

// The document types of the Digital Marketplace's mappings (search API: mappings/, _meta.doc_type).
const (
	Services DocType = "services"
	Briefs   DocType = "briefs"
)

// documentPath returns the path of one document. An id is opaque, but never
// one that would make the path mean another call ("search", "aggregations"), or
// that a server may resolve or split.
func documentPath(index Name, docType DocType, id string) (string, error) {
	path, err := typePath(index, docType)
	if err != nil {
		return "", err
	}
	switch {
	case id == "", id == ".", id == "..", id == "search", id == "aggregations":
		return "", fmt.Errorf("%q cannot be a document's id here", id)
	case strings.ContainsFunc(id, func(r rune) bool { return r == '/' || r == '\\' || r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("%q cannot be a document's id here", id)
	}
	return path + "/" + url.PathEscape(id), nil
}

func typePath(index Name, docType DocType) (string, error) {
	path, err := indexPath(index)
	if err != nil {
		return "", err
	}
	if docType != Services && docType != Briefs {
		return "", fmt.Errorf("%q is not a document type: %s or %s", string(docType), Services, Briefs)
	}
	return path + "/" + string(docType), nil
}

func indexPath(index Name) (string, error) {
	if index.IsZero() {
		return "", fmt.Errorf("no index is named")
	}
	return "/" + index.text, nil
}
