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

type listing struct {
	Meta struct {
		Total int `json:"total"`
	} `json:"meta"`
	Links struct {
		Next string `json:"next"`
	} `json:"links"`
	Services []json.RawMessage `json:"services"`
	Briefs   []json.RawMessage `json:"briefs"`
}

func (l listing) of(kind Kind) []json.RawMessage {
	if kind == Briefs {
		return l.Briefs
	}
	return l.Services
}

// documents reads what decides about each document.
func (c *Client) documents(op string, kind Kind, raws []json.RawMessage) ([]Document, error) {
	documents := make([]Document, len(raws))
	for i, raw := range raws {
		var head struct {
			ID         id     `json:"id"`
			Status     string `json:"status"`
			Framework  string `json:"frameworkSlug"`
			SupplierID id     `json:"supplierId"`
		}
		if err := c.api.Decode(op, raw, &head); err != nil {
			return nil, err
		}
		if head.ID == "" {
			return nil, fmt.Errorf("%s: document %d of the answer has no id", op, i+1)
		}
		supplier, _ := strconv.Atoi(string(head.SupplierID))
		documents[i] = Document{
			ID: string(head.ID), Kind: kind, Status: head.Status, Framework: head.Framework, SupplierID: supplier, Raw: raw,
		}
	}
	return documents, nil
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
