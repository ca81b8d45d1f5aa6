package data

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// pickBrief is the brief with that id, or any brief, if it has the status. The caller holds mu.
func (a *API) pickBrief(id string, at time.Time, want string) (*brief, error) {
	if id != "" {
		n, _ := atoi(id)
		i, ok := a.findBrief(n)
		if !ok {
			return nil, fmt.Errorf("no such brief: %w", ErrNothing)
		}
		if got := a.briefs[i].status(at); got != want {
			return nil, fmt.Errorf("brief is %s, not %s: %w", got, want, ErrNothing)
		}
		return &a.briefs[i], nil
	}
	if len(a.briefs) == 0 {
		return nil, ErrNothing
	}
	start := a.rand.n(len(a.briefs))
	for i := range a.briefs {
		if b := &a.briefs[(start+i)%len(a.briefs)]; b.status(at) == want {
			return b, nil
		}
	}
	return nil, ErrNothing
}

// indexBrief is index_brief: every brief except drafts is put, withdrawn ones too. The caller holds mu.
func (a *API) indexBrief(b *brief, at time.Time, c *change) {
	if b.status(at) == "draft" {
		return
	}
	c.alias, c.docType = a.world.frameworks[b.framework].indexOf("briefs"), "briefs"
	c.document = json.RawMessage(flask.Append(nil, b.document(a.view("http://localhost"), at)))
	c.edited.Index = "put"
}

func (a *API) createBrief(_ Edit, at time.Time) (change, error) {
	b := brief{id: 1, framework: uint8(len(a.world.frameworks) - 1), lot: uint8(outcomes + a.rand.n(3)), created: at, updated: at}
	if n := len(a.briefs); n > 0 {
		b.id = a.briefs[n-1].id + 1
	}
	a.briefs = append(a.briefs, b)
	return change{edited: Edited{ID: itoa(b.id), Event: a.recordBrief(&b, "create_brief", at, map[string]any{"briefJson": map[string]any{}})}}, nil
}

// deleteBrief deletes a draft; its event has no object.
func (a *API) deleteBrief(e Edit, at time.Time) (change, error) {
	b, err := a.pickBrief(e.ID, at, "draft")
	if err != nil {
		return change{}, err
	}
	id := b.id
	i, _ := a.findBrief(id)
	a.briefs = append(a.briefs[:i:i], a.briefs[i+1:]...)
	event := a.record(event{Type: "delete_brief", User: "buyer@example.gov.uk", Created: at, Data: map[string]any{"briefId": id}})
	return change{edited: Edited{ID: itoa(id), Event: event}}, nil
}

func (a *API) publishBrief(e Edit, at time.Time) (change, error) {
	return a.setBriefStatus(e, at, "draft", func(b *brief) { b.published = at })
}

func (a *API) withdrawBrief(e Edit, at time.Time) (change, error) {
	return a.setBriefStatus(e, at, "live", func(b *brief) { b.withdrawn = at })
}

func (a *API) cancelBrief(e Edit, at time.Time) (change, error) {
	return a.setBriefStatus(e, at, "closed", func(b *brief) { b.cancelled = at })
}

func (a *API) unsuccessfulBrief(e Edit, at time.Time) (change, error) {
	return a.setBriefStatus(e, at, "closed", func(b *brief) { b.unsuccessful = at })
}

// setBriefStatus is update_brief_status. Nothing is written when a brief closes.
func (a *API) setBriefStatus(e Edit, at time.Time, from string, set func(*brief)) (change, error) {
	b, err := a.pickBrief(e.ID, at, from)
	if err != nil {
		return change{}, err
	}
	set(b)
	b.updated = at
	c := change{edited: Edited{ID: itoa(b.id)}}
	c.edited.Event = a.recordBrief(b, "update_brief_status", at, map[string]any{"briefPreviousStatus": from, "briefStatus": b.status(at)})
	a.indexBrief(b, at, &c)
	return c, nil
}

func (a *API) recordBrief(b *brief, kind string, at time.Time, data map[string]any) int {
	data["briefId"] = b.id
	return a.record(event{Type: kind, User: "buyer-" + itoa(b.user()) + "@example.gov.uk", Created: at, Data: data, ObjectType: "Brief", ObjectID: b.id})
}

// pendBriefAward is step one of an award. It makes an event of the response, and does not write to the index.
func (a *API) pendBriefAward(e Edit, at time.Time) (change, error) {
	b, err := a.pickBrief(e.ID, at, "closed")
	if err != nil {
		return change{}, err
	}
	return change{edited: Edited{ID: itoa(b.id), Event: a.pend(b, at)}}, nil
}

func (a *API) pend(b *brief, at time.Time) int {
	b.pending = 1000 + b.id*7
	return a.recordResponse(b, b.pending, at, "briefResponseAwardedValue", true)
}

// awardBrief is step two of an award; it does step one before if necessary. In the document, status and
// awardedBriefResponseId change, but not updatedAt. The event is one of the response, and the brief is put.
func (a *API) awardBrief(e Edit, at time.Time) (change, error) {
	b, err := a.pickBrief(e.ID, at, "closed")
	if err != nil {
		return change{}, err
	}
	if b.pending == 0 {
		a.pend(b, at)
	}
	b.awarded, b.pending = b.pending, 0
	c := change{edited: Edited{ID: itoa(b.id)}}
	c.edited.Event = a.recordResponse(b, b.awarded, at, "briefResponseAwardDetails",
		map[string]any{"awardedContractStartDate": at.AddDate(0, 1, 0).Format(time.DateOnly), "awardedContractValue": "64000"})
	a.indexBrief(b, at, &c)
	return c, nil
}

func (a *API) recordResponse(b *brief, response int, at time.Time, key string, value any) int {
	return a.record(event{
		Type: "update_brief_response", User: "buyer-" + itoa(b.user()) + "@example.gov.uk", Created: at,
		Data:       map[string]any{"briefId": b.id, "briefResponseId": response, key: value},
		ObjectType: "BriefResponse", ObjectID: response,
	})
}

// addQuestion makes an event that names no brief, and whose object no filter finds.
func (a *API) addQuestion(e Edit, at time.Time) (change, error) {
	b, err := a.pickBrief(e.ID, at, "live")
	if err != nil {
		return change{}, err
	}
	q := question{text: "Is remote work possible?", answer: "Yes, for part of the week.", at: at}
	b.questions = append(b.questions, q)
	event := a.record(event{
		Type: "add_brief_clarification_question", User: "buyer-" + itoa(b.user()) + "@example.gov.uk", Created: at,
		Data: map[string]any{"question": q.text, "answer": q.answer}, ObjectType: "BriefClarificationQuestion", ObjectID: a.lastID + 1,
	})
	return change{edited: Edited{ID: itoa(b.id), Event: event}}, nil
}

// NextClosing is the live brief that closes next and when, so that a clock can be moved there; false if none is live.
func (a *API) NextClosing() (id int, at time.Time, ok bool) {
	now := a.opts.Clock.Now()
	a.mu.RLock()
	defer a.mu.RUnlock()
	for i := range a.briefs {
		if b := &a.briefs[i]; b.status(now) == "live" && (!ok || b.closes().Before(at)) {
			id, at, ok = b.id, b.closes(), true
		}
	}
	return id, at, ok
}
