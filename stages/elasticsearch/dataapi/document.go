package dataapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Kind is what a document is.
type Kind string

// The kinds of documents that are indexed.
const (
	Services Kind = "services"
	Briefs   Kind = "briefs"
)

// Indexed returns the sets of statuses that belong in an index. Briefs have
// two, asked one after the other: the data API compresses only what is public,
// so withdrawn briefs go by themselves (scripts: index_to_search_service.py).
func (k Kind) Indexed() [][]string {
	if k == Briefs {
		return [][]string{{"live", "cancelled", "unsuccessful", "awarded", "closed"}, {"withdrawn"}}
	}
	return [][]string{{"published"}}
}

// Page is one page of a listing.
type Page struct {
	// Number counts from 1.
	Number int
	// Total is how many documents the whole listing has, as of this page.
	Total     int
	Documents []Document
	// Last: there is no page after it.
	Last bool
}

// Document is one service or brief. Only what decides about it is decoded; the
// document goes on as the bytes it came as.
type Document struct {
	ID     string
	Kind   Kind
	Status string
	// Framework is the slug of its framework.
	Framework string
	// SupplierID is 0 for a brief.
	SupplierID int
	Raw        json.RawMessage
}

// Belongs tells whether its status is one that is indexed.
func (d *Document) Belongs() bool {
	return slices.ContainsFunc(d.Kind.Indexed(), func(set []string) bool { return slices.Contains(set, d.Status) })
}

// read takes a listing's page.
func (p *Page) read(kind Kind, body []byte) error {
	s := scanner{text: body}
	var meta struct {
		Total int `json:"total"`
	}
	var links struct {
		Next string `json:"next"`
	}
	err := s.whole(func(key []byte) error {
		switch string(key) {
		case "meta":
			return s.into(&meta)
		case "links":
			return s.into(&links)
		case string(kind):
			return s.array(func() error {
				d, err := s.document(kind)
				if err == nil && d.ID == "" {
					err = fmt.Errorf("document %d of it has no id", len(p.Documents)+1)
				}
				p.Documents = append(p.Documents, d)
				return err
			})
		}
		_, err := s.value()
		return err
	})
	p.Total = meta.Total
	// The link is not followed: it is absolute, and may carry another host.
	p.Last = links.Next == ""
	return err
}

// document takes one document, and reads what decides about it.
func (s *scanner) document(kind Kind) (Document, error) {
	d := Document{Kind: kind}
	if s.next() != '{' {
		_, err := s.value()
		return d, err
	}
	start := s.at
	var name, supplier id
	err := s.object(func(key []byte) error {
		switch string(key) {
		case "id":
			return s.into(&name)
		case "status":
			return s.into(&d.Status)
		case "frameworkSlug":
			return s.into(&d.Framework)
		case "supplierId":
			return s.into(&supplier)
		}
		_, err := s.value()
		return err
	})
	d.ID = string(name)
	d.SupplierID, _ = strconv.Atoi(string(supplier))
	d.Raw = s.text[start:s.at:s.at]
	return d, err
}

// into decodes the value that comes next.
func (s *scanner) into(to any) error {
	raw, err := s.value()
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

// id is a text or a number: services have the one, briefs the other.
type id string

func (i *id) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(i))
	}
	if _, err := strconv.ParseInt(string(raw), 10, 64); err != nil {
		if string(raw) == "null" {
			return nil
		}
		return errors.New("an id is a text or a whole number")
	}
	*i = id(raw)
	return nil
}

// public takes out of a single brief what a listing does not show (data API:
// app/models/main.py, Brief.serialize with_users and with_clarification_questions).
func public(brief json.RawMessage) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(brief, &fields); err != nil {
		return nil, fmt.Errorf("read the brief: %w", err)
	}
	delete(fields, "users")
	delete(fields, "clarificationQuestions")
	return json.Marshal(fields)
}
