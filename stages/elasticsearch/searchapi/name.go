package searchapi

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Name is the valid name of one index or alias: lower-case letters, digits, '-'
// and '_', beginning with a letter or a digit.
//
// The search API passes its path on to Elasticsearch: DELETE /_all deletes every
// index, and wildcards and lists address several. So the calls of this package
// take a Name, never a string, and refuse the zero Name.
type Name struct{ text string }

// maxName is Elasticsearch's limit for a name, in bytes.
const maxName = 255

// ParseName checks that the text is a valid Name.
func ParseName(text string) (Name, error) {
	valid := regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	if !valid.MatchString(text) || len(text) > maxName {
		return Name{}, fmt.Errorf("%q is not a valid index name: use lower-case letters, digits, '-' and '_', begin with a letter or digit, at most %d bytes", text, maxName)
	}
	return Name{text}, nil
}

// String returns the name; "" for the zero Name.
func (n Name) String() string { return n.text }

// IsZero reports whether this is the zero Name.
func (n Name) IsZero() bool { return n.text == "" }

// MarshalText implements encoding.TextMarshaler.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.text), nil }

// UnmarshalText implements encoding.TextUnmarshaler, with ParseName's checks.
func (n *Name) UnmarshalText(text []byte) (err error) {
	*n, err = ParseName(string(text))
	return err
}

// DocType is the type of the documents in an index: the second part of a
// document's path.
type DocType string

// The document types of the Digital Marketplace's mappings (search API: mappings/, _meta.doc_type).
const (
	Services DocType = "services"
	Briefs   DocType = "briefs"
)

// documentPath returns the path of one document. It refuses ids that would turn
// the path into another call ("search", "aggregations") or that a server might
// normalise or split.
func documentPath(index Name, docType DocType, id string) (string, error) {
	path, err := typePath(index, docType)
	if err != nil {
		return "", err
	}
	reserved := []string{"", ".", "..", "search", "aggregations"}
	unsafe := func(r rune) bool { return r == '/' || r == '\\' || r < ' ' || r == 0x7f }
	if slices.Contains(reserved, id) || strings.ContainsFunc(id, unsafe) {
		return "", fmt.Errorf("%q cannot be used as a document id", id)
	}
	return path + "/" + url.PathEscape(id), nil
}

func typePath(index Name, docType DocType) (string, error) {
	path, err := indexPath(index)
	if err != nil {
		return "", err
	}
	if docType != Services && docType != Briefs {
		return "", fmt.Errorf("%q is not a document type: use %s or %s", string(docType), Services, Briefs)
	}
	return path + "/" + string(docType), nil
}

func indexPath(index Name) (string, error) {
	if index.IsZero() {
		return "", errors.New("the name of the index is empty")
	}
	return "/" + index.text, nil
}
