package platform

// createDroplet copies a droplet to another app (ccng: app/actions/droplet_copy.rb). The copy belongs to no package. A docker
// droplet's copy is there at once, with the registry's user and password of its day; the bits of another are copied by a job.
// A droplet that is uploaded is not modelled.
func createDroplet(c *call) error {
	var body struct {
		Relationships struct {
			App relationship `json:"app"`
		} `json:"relationships"`
	}
	f, err := c.bind(&body, "relationships")
	if err != nil {
		return err
	}
	if err := joinProblems(relationshipProblems(f, "app")); err != nil {
		return err
	}
	source, ok := c.p.droplets.get(c.r.URL.Query().Get("source_guid"))
	if !ok {
		return notFound("Droplet")
	}
	to, ok := c.p.apps.get(body.Relationships.App.guid())
	if !ok {
		return notFound("App")
	}
	if source.state != "STAGED" {
		return unprocessable("source droplet is not staged")
	}
	d := *source
	d.record, d.app, d.pkg = c.p.newRecord(""), to, nil
	if d.lifecycle == "buildpack" {
		d.state, d.checksum = "COPYING", ""
		c.p.after(c.p.jobTime(), func() { c.p.copied(source, &d) })
	}
	c.p.droplets.add(&d)
	c.event("audit.app.droplet.create", "app", &to.record, to.space, obj{"droplet_guid": d.guid, "request": obj{"source_droplet_guid": source.guid}})
	return c.reply(201, presentDroplet(c, &d))
}

// copied ends the copying of a droplet's bits, which fails if the source is gone
// (ccng: app/jobs/v3/droplet_bits_copier.rb).
func (p *Platform) copied(from, to *droplet) {
	to.updated = p.now()
	if _, there := p.droplets.get(from.guid); !there {
		to.state = "FAILED"
		return
	}
	to.state, to.checksum = "STAGED", from.checksum
}
