package indexer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settle is for how long after a change the application, or a fill, may still write what
// the object was then: a worker may do a write that long after it was sent.
const settle = time.Minute

// maxSpans limits the text of each of the two lists of Handled. Of more spans than that
// the oldest are left out, so that their events are handled again.
const maxSpans = 100

// Handled is which audit events were handled, by their ids, of those that the next
// catch-up reads again (see Overlap). The zero value is none. Encoded it is small enough
// for an annotation: ids follow one another but for a few that are not visible yet, or
// never will be.
//
// An event is settled if its object has what the event is about for good. It is not if an
// older version of the object may have been written after it, because the object was
// changed twice within a minute. Then the next catch-up handles it again.
type Handled struct {
	// settled has the handled events, and whether each is settled.
	settled map[int]bool
}

func (h *Handled) add(id int, settled bool) {
	if h.settled == nil {
		h.settled = map[int]bool{}
	}
	h.settled[id] = settled
}

func (h Handled) has(id int) bool { _, is := h.settled[id]; return is }

// handledText is how Handled is encoded: spans of ids, such as "17-40,42-43".
type handledText struct {
	Settled string `json:"settled,omitempty"`
	Recent  string `json:"recent,omitempty"`
}

// MarshalJSON encodes it as spans of ids.
func (h Handled) MarshalJSON() ([]byte, error) {
	return json.Marshal(handledText{h.spans(true), h.spans(false)})
}

// UnmarshalJSON decodes what MarshalJSON has encoded.
func (h *Handled) UnmarshalJSON(text []byte) error {
	var t handledText
	if err := json.Unmarshal(text, &t); err != nil {
		return err
	}
	h.settled = nil
	if err := h.addSpans(t.Settled, true); err != nil {
		return err
	}
	return h.addSpans(t.Recent, false)
}

func (h Handled) spans(settled bool) string {
	var spans []string
	from, to := 0, -1
	end := func() {
		if to >= from {
			spans = append(spans, fmt.Sprintf("%d-%d", from, to))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(h.settled)) {
		if h.settled[id] != settled {
			continue
		}
		if id != to+1 {
			end()
			from = id
		}
		to = id
	}
	end()
	return strings.Join(spans[max(len(spans)-maxSpans, 0):], ",")
}

func (h *Handled) addSpans(text string, settled bool) error {
	for span := range strings.SplitSeq(text, ",") {
		if span == "" {
			continue
		}
		first, last, _ := strings.Cut(span, "-")
		from, err := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err != nil || err2 != nil || to-from > 1e6 {
			return fmt.Errorf("%q is not a span of ids of events", span)
		}
		for id := from; id <= to; id++ {
			h.add(id, settled)
		}
	}
	return nil
}
