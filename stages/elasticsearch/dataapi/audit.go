package dataapi

import (
	"cmp"
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

// eventsPerPage is how many audit events are requested per page. The API has no
// maximum. Five minutes of three changes a second are one page, of half a megabyte.
const eventsPerPage = 1000

// Event is one audit event, without the user who caused it.
type Event struct {
	ID   int
	Type string
	// CreatedAt has microseconds. It is set before the change is committed, so an
	// event can become visible after a later one.
	CreatedAt time.Time
	Data      EventData
}

// EventData is the ids in an event's data; "" or 0 if it has none. What an id means
// depends on the type: in create_draft_service, serviceId is an internal key.
type EventData struct {
	ServiceID  string
	BriefID    string
	SupplierID int
}

// AuditEvents returns the events since a time, in order of time, each once.
//
// The API filters by day only, and of its operators only "D" and ">=D" work as
// documented, so AuditEvents requests whole days and drops the events before the
// time. It requests the latest first and stops at the first page with an event
// that is too early: events that are added while it reads repeat others on the
// next page, but hide none (data API: app/main/views/audits.py).
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
			slices.SortFunc(events, byTime)
			return events, nil
		}
	}
}

func byTime(a, b Event) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

func (c *Client) eventsPage(ctx context.Context, since time.Time, page int) (events []Event, last bool, err error) {
	query := url.Values{
		"audit-date":   {">=" + since.UTC().Format(time.DateOnly)},
		"latest_first": {"true"},
		"per_page":     {strconv.Itoa(eventsPerPage)},
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
	var response struct {
		Links struct {
			Next string `json:"next"`
		} `json:"links"`
		Events []struct {
			ID        int             `json:"id"`
			Type      string          `json:"type"`
			CreatedAt time.Time       `json:"createdAt"`
			Data      json.RawMessage `json:"data"`
		} `json:"auditEvents"`
	}
	if err := c.api.Decode(op, body, &response); err != nil {
		return nil, false, err
	}
	for _, e := range response.Events {
		events = append(events, Event{e.ID, e.Type, e.CreatedAt, parseEventData(e.Data)})
	}
	return events, response.Links.Next == "", nil
}

// parseEventData reads the ids in an event's data. Some types of events have other
// values in fields of the same name; a value that is not an id is ignored.
func parseEventData(raw json.RawMessage) EventData {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return EventData{}
	}
	supplier, _ := strconv.Atoi(parseID(fields["supplierId"]))
	return EventData{
		ServiceID:  parseID(fields["serviceId"]),
		BriefID:    parseID(fields["briefId"]),
		SupplierID: supplier,
	}
}

func parseID(raw json.RawMessage) string {
	var i id
	if len(raw) == 0 || i.UnmarshalJSON(raw) != nil {
		return ""
	}
	return string(i)
}
