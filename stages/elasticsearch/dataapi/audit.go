package dataapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
)

// eventsPage is how many audit events are asked for at a time. The API caps
// it nowhere.
const eventsPage = 200

// Event is one audit event: who changed what is left out.
type Event struct {
	ID   int
	Type string
	// ObjectType is "Service", "Brief", …, or "" for an event that has no
	// object any more. The object's id is the database's own, of no use here.
	ObjectType string
	// CreatedAt has microseconds. It is set before the change is committed, so
	// an event can become visible after a later one.
	CreatedAt time.Time
	Data      EventData
}

// EventData is what of an event's data names an object. Which field means what
// depends on the type: in create_draft_service, serviceId is an internal key.
type EventData struct {
	ServiceID  string
	BriefID    string
	SupplierID int
}

// AuditEvents returns the events since a time, in their order, each once.
//
// The API filters by day alone, and of its operators only "D" and ">=D" mean
// what they say, so the day is asked for and the rest is left out here. The
// latest come first, so that reading can stop at the first that is too early:
// what is added meanwhile only repeats events, and hides none.
// (data API: app/main/views/audits.py)
func (c *Client) AuditEvents(ctx context.Context, since time.Time) ([]Event, error) {
	seen := map[int]bool{}
	var events []Event
	for page := 1; ; page++ {
		found, last, err := c.eventsPage(ctx, since, page)
		if err != nil {
			return nil, err
		}
		early := false
		for _, e := range found {
			if e.CreatedAt.Before(since) {
				early = true
			} else if !seen[e.ID] {
				seen[e.ID] = true
				events = append(events, e)
			}
		}
		if early || last {
			slices.SortFunc(events, inOrder)
			return events, nil
		}
	}
}

func inOrder(a, b Event) int {
	if by := a.CreatedAt.Compare(b.CreatedAt); by != 0 {
		return by
	}
	return a.ID - b.ID
}

func (c *Client) eventsPage(ctx context.Context, since time.Time, page int) (events []Event, last bool, err error) {
	query := url.Values{
		"audit-date":   {">=" + since.UTC().Format(time.DateOnly)},
		"latest_first": {"true"},
		"per_page":     {strconv.Itoa(eventsPage)},
		"page":         {strconv.Itoa(page)},
	}
	op := fmt.Sprintf("list audit events since %s, page %d", since.UTC().Format(time.DateOnly), page)
	body, err := c.api.Call(ctx, dmapi.Request{Op: op, Method: http.MethodGet, Path: "/audit-events", Query: query})
	if page > 1 && notFound(err) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	var answer struct {
		Links struct {
			Next string `json:"next"`
		} `json:"links"`
		Events []struct {
			ID         int             `json:"id"`
			Type       string          `json:"type"`
			ObjectType string          `json:"objectType"`
			CreatedAt  time.Time       `json:"createdAt"`
			Data       json.RawMessage `json:"data"`
		} `json:"auditEvents"`
	}
	if err := c.api.Decode(op, body, &answer); err != nil {
		return nil, false, err
	}
	for _, e := range answer.Events {
		events = append(events, Event{e.ID, e.Type, e.ObjectType, e.CreatedAt, eventData(e.Data)})
	}
	return events, answer.Links.Next == "", nil
}

// eventData reads the ids that an event names. Events of other kinds keep
// other things under the same names, so a value that is no id is no id.
func eventData(raw json.RawMessage) EventData {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return EventData{}
	}
	supplier, _ := strconv.Atoi(fieldID(fields["supplierId"]))
	return EventData{
		ServiceID:  fieldID(fields["serviceId"]),
		BriefID:    fieldID(fields["briefId"]),
		SupplierID: supplier,
	}
}

func fieldID(raw json.RawMessage) string {
	var i id
	if len(raw) == 0 || i.UnmarshalJSON(raw) != nil {
		return ""
	}
	return string(i)
}
