package platform

import (
	"slices"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// event records an audit event (ccng: app/repositories/*_event_repository.rb).
func (c *call) event(kind, targetKind string, target *record, in *space, data obj) {
	c.p.event(c.user, kind, targetKind, target, in, data)
}

func (p *Platform) event(by *uaa.Account, kind, targetKind string, target *record, in *space, data obj) {
	e := &event{
		record: p.newRecord(""), kind: kind, space: in, data: data,
		targetGUID: target.guid, targetKind: targetKind, targetName: target.name,
	}
	if by != nil {
		e.actorGUID, e.actorName, e.actorKind = by.GUID, by.Name, "user"
	}
	p.addEvent(e)
}

// appEvent records an event that the platform itself causes. Its actor is the app, or one of its processes.
func (p *Platform) appEvent(kind, actorKind string, actor *record, a *app, data obj) {
	p.addEvent(&event{
		record: p.newRecord(""), kind: kind, space: a.space, data: data, targetGUID: a.guid, targetKind: "app", targetName: a.name,
		actorGUID: actor.guid, actorName: actor.name, actorKind: actorKind,
	})
}

func (p *Platform) addEvent(e *event) {
	p.events.add(e)
	if n := len(p.events.rows); n > 25_000 { // drop the oldest, many at once
		p.events.rows = slices.Clone(p.events.rows[n-20_000:])
	}
}

func listEvents(c *call) error {
	q, err := c.query(listing{filters: []string{"types", "target_guids", "space_guids", "organization_guids"}, plain: true})
	if err != nil {
		return err
	}
	rows := c.p.events.where(func(e *event) bool {
		not := q.fields["target_guids[not]"]
		return q.has("types", e.kind) && q.has("target_guids", e.targetGUID) && !contains(not, e.targetGUID) &&
			q.has("space_guids", e.space.guid) && q.has("organization_guids", e.space.org.guid)
	})
	_, out := list(c, q, rows, presentEvent)
	return c.reply(200, out)
}

func showEvent(c *call) error {
	e, ok := c.p.events.get(c.guid())
	if !ok {
		return notFound("Event")
	}
	return c.reply(200, presentEvent(c, e))
}

func presentEvent(c *call, e *event) obj {
	data := e.data
	if data == nil {
		data = obj{}
	}
	actor := obj{"guid": e.actorGUID, "type": e.actorKind, "name": e.actorName}
	if e.actorGUID == "" {
		actor = obj{"guid": "system", "type": "system", "name": "system"}
	}
	return obj{
		"guid": e.guid, "created_at": stamp(e.created), "updated_at": stamp(e.created), "type": e.kind,
		"actor":        actor,
		"target":       obj{"guid": e.targetGUID, "type": e.targetKind, "name": e.targetName},
		"data":         data,
		"space":        obj{"guid": e.space.guid},
		"organization": obj{"guid": e.space.org.guid},
		"links":        obj{"self": c.link("/v3/audit_events/" + e.guid)},
	}
}
