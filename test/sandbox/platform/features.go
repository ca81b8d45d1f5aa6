package platform

var features = []struct{ name, description string }{
	{"ssh", "Enable SSHing into the app."},
	{"revisions", "Enable versioning of an application"},
	{"file-based-vcap-services", "Enable file-based VCAP service bindings for the app"},
	{"service-binding-k8s", "Enable k8s service bindings for the app"},
}

func listFeatures(c *call, a *app) error {
	out := []obj{}
	for _, f := range features {
		out = append(out, obj{"name": f.name, "description": f.description, "enabled": a.features[f.name]})
	}
	q := &query{raw: c.r.URL.Query(), page: 1, perPage: 50}
	return c.reply(200, obj{"pagination": c.pagination(q, len(out)), "resources": out})
}

func showFeature(c *call, a *app) error {
	for _, f := range features {
		if f.name == c.r.PathValue("name") {
			return c.reply(200, obj{"name": f.name, "description": f.description, "enabled": a.features[f.name]})
		}
	}
	return notFound("Feature")
}

func updateFeature(c *call, a *app) error {
	var body struct {
		Enabled *bool `json:"enabled"`
	}
	if _, err := c.bind(&body, "enabled"); err != nil {
		return err
	}
	name := c.r.PathValue("name")
	if _, ok := a.features[name]; !ok {
		return notFound("Feature")
	}
	if body.Enabled == nil {
		return unprocessable("Enabled must be a boolean")
	}
	a.features = copyOf(a.features)
	a.features[name] = *body.Enabled
	return showFeature(c, a)
}
