package platform

import (
	"encoding/json"
)

func (p *Platform) stagingRoutes(on func(string, handler)) {
	on("GET /v3/packages", func(c *call) error { return listPackages(c, nil) })
	on("POST /v3/packages", createPackage)
	on("GET /v3/packages/{guid}", withPackage(func(c *call, v *pkg) error { return c.reply(200, presentPackage(c, v)) }))
	on("PATCH /v3/packages/{guid}", withPackage(updatePackage))
	on("DELETE /v3/packages/{guid}", withPackage(func(c *call, v *pkg) error {
		j := c.p.startJob("package.delete", "packages", v.guid)
		c.p.runJob(j, func() error { c.p.packages.delete(v.guid); return nil })
		return c.accepted(j)
	}))
	on("GET /v3/packages/{guid}/droplets", withPackage(func(c *call, v *pkg) error {
		return listDroplets(c, func(d *droplet) bool { return d.pkg == v })
	}))
	on("GET /v3/apps/{guid}/packages", withApp(listPackages))
	on("GET /v3/builds", func(c *call) error { return listBuilds(c, nil) })
	on("POST /v3/builds", createBuild)
	on("GET /v3/builds/{guid}", withBuild(func(c *call, b *build) error { return c.reply(200, presentBuild(c, b)) }))
	on("PATCH /v3/builds/{guid}", withBuild(func(c *call, b *build) error {
		if err := c.patchMetadata(&b.record); err != nil {
			return err
		}
		return c.reply(200, presentBuild(c, b))
	}))
	on("GET /v3/apps/{guid}/builds", withApp(listBuilds))
	on("POST /v3/packages/{guid}/upload", withPackage(uploadBits))
	on("POST /v3/resource_matches", func(c *call) error { return c.reply(201, obj{"resources": []obj{}}) }) // no blob is known
	on("POST /v3/droplets", createDroplet)
	on("GET /v3/droplets", func(c *call) error { return listDroplets(c, func(*droplet) bool { return true }) })
	on("GET /v3/droplets/{guid}", withDroplet(func(c *call, d *droplet) error { return c.reply(200, presentDroplet(c, d)) }))
	on("PATCH /v3/droplets/{guid}", withDroplet(func(c *call, d *droplet) error {
		if err := c.patchMetadata(&d.record); err != nil {
			return err
		}
		return c.reply(200, presentDroplet(c, d))
	}))
	on("DELETE /v3/droplets/{guid}", withDroplet(deleteDroplet))
	on("GET /v3/apps/{guid}/droplets", withApp(func(c *call, a *app) error {
		return listDroplets(c, func(d *droplet) bool { return d.app == a })
	}))
}

func withPackage(h func(*call, *pkg) error) handler {
	return func(c *call) error {
		v, ok := c.p.packages.get(c.guid())
		if !ok {
			return notFound("Package")
		}
		return h(c, v)
	}
}

func withDroplet(h func(*call, *droplet) error) handler {
	return func(c *call) error {
		d, ok := c.p.droplets.get(c.guid())
		if !ok {
			return notFound("Droplet")
		}
		return h(c, d)
	}
}

// deleteDroplet refuses to delete the current droplet of an app (ccng: app/models/runtime/droplet_model.rb, in_use_error).
func deleteDroplet(c *call, d *droplet) error {
	if d.app.droplet == d {
		return unprocessable("The droplet is currently used by app with guid %q.", d.app.guid)
	}
	j := c.p.startJob("droplet.delete", "droplets", d.guid)
	c.p.runJob(j, func() error { c.p.droplets.delete(d.guid); return nil })
	return c.accepted(j)
}

// updatePackage changes metadata and the registry's credentials (ccng: app/actions/package_update.rb).
func updatePackage(c *call, v *pkg) error {
	var body struct {
		Metadata json.RawMessage `json:"metadata"`
		Username *string         `json:"username"`
		Password *string         `json:"password"`
	}
	if _, err := c.bind(&body, "metadata", "username", "password"); err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if err := v.merge(meta); err != nil {
		return err
	}
	if body.Username != nil {
		v.username = *body.Username
	}
	if body.Password != nil {
		v.password = *body.Password
	}
	v.updated = c.p.now()
	return c.reply(200, presentPackage(c, v))
}

func listPackages(c *call, of *app) error {
	l := listing{filters: []string{"states", "types", "app_guids", "app_guid", "space_guids", "organization_guids"}}
	if of != nil {
		l.without = []string{"app_guids", "space_guids", "organization_guids"}
	}
	q, err := c.query(l)
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.packages.where(func(v *pkg) bool {
		return (of == nil || v.app == of) && q.has("states", v.state) && q.has("types", v.kind) && q.has("app_guids", v.app.guid) &&
			q.has("space_guids", v.app.space.guid) && q.has("organization_guids", v.app.space.org.guid)
	}), presentPackage)
	return c.reply(200, out)
}

// presentPackage never shows the registry's password (ccng: app/presenters/v3/package_presenter.rb).
func presentPackage(c *call, v *pkg) obj {
	out := v.present()
	var password any
	if v.username != "" {
		password = "***"
	}
	out["type"], out["state"] = v.kind, v.state
	out["data"] = obj{"image": v.image, "username": orNull(v.username), "password": password}
	if v.kind == "bits" {
		out["data"] = obj{"error": nil, "checksum": obj{"type": "sha256", "value": orNull(v.checksum)}}
	}
	out["relationships"] = obj{"app": toOne(v.app.guid)}
	out["links"] = obj{"self": c.link("/v3/packages/" + v.guid), "app": c.link("/v3/apps/" + v.app.guid)}
	return out
}

func createPackage(c *call) error {
	var body struct {
		Type string `json:"type"`
		Data struct {
			Image    string `json:"image"`
			Username string `json:"username"`
			Password string `json:"password"`
		} `json:"data"`
		Metadata      json.RawMessage `json:"metadata"`
		Relationships struct {
			App relationship `json:"app"`
		} `json:"relationships"`
	}
	f, err := c.bind(&body, "type", "data", "metadata", "relationships")
	if err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if err := joinProblems(relationshipProblems(f, "app")); err != nil {
		return err
	}
	if body.Type != "docker" && body.Type != "bits" {
		return unprocessable("Type must be one of 'bits, docker'")
	}
	a, ok := c.p.apps.get(body.Relationships.App.guid())
	if !ok {
		return unprocessable("App is invalid. Ensure it exists and you have access to it.")
	}
	if body.Type == "docker" && a.lifecycle != "docker" {
		return unprocessable("Cannot create Docker package for a %s app.", a.lifecycle)
	}
	if body.Type == "bits" && a.lifecycle == "docker" {
		return unprocessable("Cannot create bits package for a Docker app.")
	}
	if body.Type == "docker" && body.Data.Image == "" {
		return unprocessable("Data Image required")
	}
	v := &pkg{
		record: c.p.newRecord(""), app: a, kind: body.Type, state: "READY",
		image: body.Data.Image, username: body.Data.Username, password: body.Data.Password,
	}
	if v.kind == "bits" {
		v.state = "AWAITING_UPLOAD"
	}
	if err := v.merge(meta); err != nil {
		return err
	}
	c.p.packages.add(v)
	c.event("audit.app.package.create", "app", &a.record, a.space, obj{"package_guid": v.guid})
	return c.reply(201, presentPackage(c, v))
}

func listDroplets(c *call, keep func(*droplet) bool) error {
	q, err := c.query(listing{filters: []string{"app_guid", "app_guids", "current", "organization_guids", "package_guid", "space_guids", "states"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.droplets.where(func(d *droplet) bool {
		return keep(d) && q.has("states", d.state) && q.has("app_guids", d.app.guid) && q.has("space_guids", d.app.space.guid) &&
			q.has("organization_guids", d.app.space.org.guid) && (!q.asked("current") || d.app.droplet == d)
	}), presentDroplet)
	return c.reply(200, out)
}

func presentDroplet(c *call, d *droplet) obj {
	out := d.present()
	out["state"], out["error"], out["image"] = d.state, nil, d.image
	out["lifecycle"] = obj{"type": d.lifecycle, "data": obj{}}
	out["checksum"], out["buildpacks"], out["stack"] = nil, nil, nil
	out["execution_metadata"] = `{"cmd":[],"ports":[{"Port":8080,"Protocol":"tcp"}]}`
	out["process_types"] = obj{"web": d.command}
	if d.lifecycle == "buildpack" {
		made := []obj{}
		for _, name := range d.buildpacks {
			made = append(made, obj{"name": name, "detect_output": nil, "buildpack_name": nil, "version": nil})
		}
		out["image"], out["execution_metadata"], out["buildpacks"], out["stack"] = nil, "", made, d.stack
		out["checksum"] = obj{"type": "sha256", "value": orNull(d.checksum)}
	}
	out["relationships"] = obj{"app": toOne(d.app.guid)}
	links := obj{
		"self": c.link("/v3/droplets/" + d.guid), "app": c.link("/v3/apps/" + d.app.guid),
		"assign_current_droplet": obj{"href": c.base + "/v3/apps/" + d.app.guid + "/relationships/current_droplet", "method": "PATCH"},
	}
	if d.pkg != nil {
		links["package"] = c.link("/v3/packages/" + d.pkg.guid)
	}
	out["links"] = links
	return out
}
