package dataapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Kind is the kind of a document. Its value is the data API's name for it, in
// paths and in responses.
type Kind string

// The kinds of documents that are indexed.
const (
	Services Kind = "services"
	Briefs   Kind = "briefs"
)

// IndexedStatuses returns the statuses of the documents that belong in an index,
// in sets to list one after the other. Briefs have two sets: the data API does not
// compress a listing with withdrawn briefs, so these are listed by themselves
// (scripts: index_to_search_service.py).
func (k Kind) IndexedStatuses() [][]string {
	if k == Briefs {
		return [][]string{{"live", "cancelled", "unsuccessful", "awarded", "closed"}, {"withdrawn"}}
	}
	return [][]string{{"published"}}
}

// Page is one page of a listing.
type Page struct {
	// Number counts from 1.
	Number int
	// Total is how many documents the whole listing had when this page was read.
	Total     int
	Documents []Document
	// Last is true if no page follows.
	Last bool
}

// Document is one service or brief. Only the fields that decide what happens to it
// are decoded.
type Document struct {
	ID     string
	Kind   Kind
	Status string
	// Framework is the framework's slug.
	Framework string
	// Raw is the document as the data API sent it.
	Raw json.RawMessage
}

// IsIndexed reports whether documents with this status belong in an index.
func (d *Document) IsIndexed() bool {
	return slices.ContainsFunc(d.Kind.IndexedStatuses(), func(set []string) bool { return slices.Contains(set, d.Status) })
}

// parsePage parses one page of a listing.
func parsePage(kind Kind, body []byte) (Page, error) {
	var p Page
	s := scanner{text: body}
	var meta struct {
		Total int `json:"total"`
	}
	var links struct {
		Next string `json:"next"`
	}
	err := s.wholeObject(func(key []byte) error {
		switch string(key) {
		case "meta":
			return s.decode(&meta)
		case "links":
			return s.decode(&links)
		case string(kind):
			return s.array(func() error {
				d, err := s.document(kind)
				if err == nil && d.ID == "" {
					err = fmt.Errorf("document %d on the page has no id", len(p.Documents)+1)
				}
				p.Documents = append(p.Documents, d)
				return err
			})
		}
		_, err := s.value()
		return err
	})
	p.Total = meta.Total
	// The link is not followed: it is absolute and may name another host.
	p.Last = links.Next == ""
	return p, err
}

// document reads one document.
func (s *scanner) document(kind Kind) (Document, error) {
	d := Document{Kind: kind}
	s.space()
	start := s.at
	var docID id
	err := s.object(func(key []byte) error {
		switch string(key) {
		case "id":
			return s.decode(&docID)
		case "status":
			return s.decode(&d.Status)
		case "frameworkSlug":
			return s.decode(&d.Framework)
		}
		_, err := s.value()
		return err
	})
	d.ID = string(docID)
	d.Raw = s.text[start:s.at:s.at]
	return d, err
}

// decode decodes the next value into the value that to points to.
func (s *scanner) decode(to any) error {
	raw, err := s.value()
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

// id is an id in JSON: a string for services, a number for briefs, or null ("").
type id string

func (i *id) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(i))
	}
	if _, err := strconv.ParseInt(string(raw), 10, 64); err != nil {
		if string(raw) == "null" {
			return nil
		}
		return errors.New("an id is neither a string nor a whole number")
	}
	*i = id(raw)
	return nil
}

// asListed removes from a single brief the fields that a listing does not have
// (data API: app/models/main.py, Brief.serialize with_users and
// with_clarification_questions).
func asListed(brief json.RawMessage) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(brief, &fields); err != nil {
		return nil, fmt.Errorf("read the brief: %w", err)
	}
	delete(fields, "users")
	delete(fields, "clarificationQuestions")
	return json.Marshal(fields)
}
