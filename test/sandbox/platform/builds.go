package platform

import (
	"encoding/json"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

func withBuild(h func(*call, *build) error) handler {
	return func(c *call) error {
		b, ok := c.p.builds.get(c.guid())
		if !ok {
			return notFound("Build")
		}
		return h(c, b)
	}
}

func listBuilds(c *call, of *app) error {
	q, err := c.query(listing{filters: []string{"app_guids", "package_guids", "states"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.builds.where(func(b *build) bool {
		return (of == nil || b.app == of) && q.has("states", b.state) && q.has("app_guids", b.app.guid) && q.has("package_guids", b.pkg.guid)
	}), presentBuild)
	return c.reply(200, out)
}

func presentBuild(c *call, b *build) obj {
	out := b.present()
	out["state"], out["error"] = b.state, orNull(b.err)
	out["staging_memory_in_mb"], out["staging_disk_in_mb"], out["staging_log_rate_limit_bytes_per_second"] = 1024, 4096, -1
	out["lifecycle"] = b.app.lifecycleData()
	out["package"], out["droplet"] = obj{"guid": b.pkg.guid}, nil
	links := obj{"self": c.link("/v3/builds/" + b.guid), "app": c.link("/v3/apps/" + b.app.guid)}
	if b.droplet != nil {
		out["droplet"] = obj{"guid": b.droplet.guid}
		links["droplet"] = c.link("/v3/droplets/" + b.droplet.guid)
	}
	out["created_by"] = obj{"guid": b.byGUID, "name": b.by, "email": b.by}
	out["relationships"] = obj{"app": toOne(b.app.guid)}
	out["links"] = links
	return out
}

// createBuild stages a package. Only one build of an app can be in progress.
func createBuild(c *call) error {
	var body struct {
		Package struct {
			GUID string `json:"guid"`
		} `json:"package"`
		Lifecycle json.RawMessage `json:"lifecycle"`
		Metadata  json.RawMessage `json:"metadata"`
		Memory    *int            `json:"staging_memory_in_mb"`
		Disk      *int            `json:"staging_disk_in_mb"`
		LogRate   *int            `json:"staging_log_rate_limit_bytes_per_second"`
	}
	if _, err := c.bind(&body, "package", "lifecycle", "metadata", "staging_memory_in_mb", "staging_disk_in_mb", "staging_log_rate_limit_bytes_per_second"); err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	v, ok := c.p.packages.get(body.Package.GUID)
	if !ok {
		return unprocessable("Unable to use package. Ensure that the package exists and you have access to it.")
	}
	if v.state != "READY" {
		return unprocessable("Cannot stage package whose state is not ready.")
	}
	if _, busy := c.p.builds.find(func(b *build) bool { return b.app == v.app && b.state == "STAGING" }); busy {
		return unprocessable("Only one build can be STAGING at a time per application.")
	}
	b := &build{record: c.p.newRecord(""), app: v.app, pkg: v, state: "STAGING", byGUID: c.user.GUID, by: c.user.Name}
	if err := b.merge(meta); err != nil {
		return err
	}
	c.p.builds.add(b)
	c.event("audit.app.build.create", "app", &v.app.record, v.app.space, obj{"build_guid": b.guid, "package_guid": v.guid})
	by := c.user
	c.p.after(c.p.opts.StageTime, func() { c.p.staged(by, b) })
	return c.reply(201, presentBuild(c, b))
}

// staged ends a build. If the registry does not have the image, or refuses the credentials, the build fails with a
// StagingError (ccng: app/models/runtime/build_model.rb, fail_to_stage!); the registry's message is in the log. The
// actor of its events is the user who created the build (ccng: app/repositories/build_event_repository.rb).
func (p *Platform) staged(by *uaa.Account, b *build) {
	b.updated = p.now()
	v := b.pkg
	data := obj{"build_guid": b.guid, "package_guid": v.guid}
	if reason := p.pullProblem(v); reason != "" {
		b.state, b.err = "FAILED", "StagingError - Staging error: staging failed"
		p.logs.Write(b.app.guid, "STG", "0", true, "Failed to talk to docker registry: "+reason)
		p.logs.Write(b.app.guid, "STG", "0", true, "Staging failed: Exited with status 2")
		p.event(by, "audit.app.build.failed", "app", &b.app.record, b.app.space, data)
		return
	}
	d := &droplet{record: p.newRecord(""), app: b.app, pkg: v, state: "STAGED", image: v.image, lifecycle: "docker"}
	if v.kind == "bits" {
		d.image, d.lifecycle, d.stack, d.command = p.opts.Bits, "buildpack", b.app.stack, "./start"
		d.checksum, d.buildpacks = v.checksum, b.app.buildpacks
		if len(d.buildpacks) == 0 {
			d.buildpacks = []string{"binary_buildpack"} // whatever was uploaded
		}
	}
	p.droplets.add(d)
	b.state, b.droplet = "STAGED", d
	p.logs.Write(b.app.guid, "STG", "0", false, "Staging process finished: "+v.image)
	data["droplet_guid"] = d.guid
	p.event(by, "audit.app.droplet.create", "app", &b.app.record, b.app.space, data)
	p.event(by, "audit.app.build.staged", "app", &b.app.record, b.app.space, data)
}

func (p *Platform) pullProblem(v *pkg) string {
	if v.kind == "bits" {
		return ""
	}
	if p.opts.Programs == nil {
		return "no registry"
	}
	if _, ok := p.opts.Programs(v.image); !ok {
		return "manifest unknown: manifest unknown"
	}
	if p.opts.RegistryAuth != nil && !p.opts.RegistryAuth(v.image, v.username, v.password) {
		return "unauthorized: incorrect username or password"
	}
	return ""
}
