package platform

import (
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// role is what an account may do in the space: a Space Developer or an auditor (ccng: app/presenters/v3/role_presenter.rb).
// Roles can be read, but not changed.
type role struct {
	record
	kind  string
	space *space
	user  *uaa.Account
}

func (p *Platform) roleRoutes(on func(string, handler)) {
	on("GET /v3/roles", listRoles)
	on("GET /v3/users", listUsers)
}

func (p *Platform) grantRole(s *space, a *uaa.Account) {
	r := &role{record: p.newRecord(""), kind: "space_developer", space: s, user: a}
	if a.ReadOnly {
		r.kind = "space_auditor"
	}
	p.roles.add(r)
}

func listRoles(c *call) error {
	q, err := c.query(listing{
		filters: []string{"organization_guids", "space_guids", "user_guids", "types", "include"}, includes: []string{"user", "space", "organization"}, plain: true,
	})
	if err != nil {
		return err
	}
	page, out := list(c, q, c.p.roles.where(func(r *role) bool {
		return q.has("types", r.kind) && q.has("space_guids", r.space.guid) && q.has("user_guids", r.user.GUID) && q.has("organization_guids", "")
	}), func(c *call, r *role) obj {
		return obj{
			"guid": r.guid, "created_at": stamp(r.created), "updated_at": stamp(r.updated), "type": r.kind,
			"relationships": obj{"user": toOne(r.user.GUID), "space": toOne(r.space.guid), "organization": toOne("")},
			"links": obj{
				"self": c.link("/v3/roles/" + r.guid), "user": c.link("/v3/users/" + r.user.GUID), "space": c.link("/v3/spaces/" + r.space.guid),
			},
		}
	})
	if contains(q.values["include"], "user") {
		users := []obj{}
		for _, r := range page {
			users = append(users, presentUser(c, r))
		}
		out["included"] = obj{"users": users}
	}
	return c.reply(200, out)
}

func listUsers(c *call) error {
	q, err := c.query(listing{filters: []string{"usernames", "partial_usernames", "origins"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.roles.where(func(r *role) bool { return q.has("usernames", r.user.Name) }), presentUser)
	return c.reply(200, out)
}

// presentUser: a client has no name and no origin (ccng: app/presenters/v3/user_presenter.rb).
func presentUser(c *call, r *role) obj {
	out := r.present()
	out["guid"], out["username"], out["presentation_name"], out["origin"] = r.user.GUID, orNull(r.user.Name), r.user.Name, "uaa"
	if r.user.Client {
		out["username"], out["presentation_name"], out["origin"] = nil, r.user.GUID, nil
	}
	out["links"] = obj{"self": c.link("/v3/users/" + r.user.GUID)}
	return out
}
