package data

// framework is a row of the frameworks table; its index in the list is its key less one.
type framework struct {
	slug, family, name, status string
	furtherCompetition         bool
}

func frameworks() []framework {
	return []framework{
		{"g-cloud-11", "g-cloud", "G-Cloud 11", "expired", false},
		{"g-cloud-12", "g-cloud", "G-Cloud 12", "live", false},
		{"digital-outcomes-and-specialists", dos, "Digital Outcomes and Specialists", "expired", true},
		{"digital-outcomes-and-specialists-2", dos, "Digital Outcomes and Specialists 2", "expired", true},
		{"digital-outcomes-and-specialists-3", dos, "Digital Outcomes and Specialists 3", "expired", true},
		{"digital-outcomes-and-specialists-4", dos, "Digital Outcomes and Specialists 4", "expired", true},
		{"digital-outcomes-and-specialists-5", dos, "Digital Outcomes and Specialists 5", "live", true},
	}
}

const (
	dos        = "digital-outcomes-and-specialists"
	gcloud11   = 0
	gcloud12   = 1
	firstDOS   = 2
	newestDOS  = 6
	briefAlias = "briefs-digital-outcomes-and-specialists"
)

// indexOf is the alias that the data API writes a framework's objects to, "" if it knows none
// (config.py: DM_FRAMEWORK_TO_ES_INDEX).
func (f framework) indexOf(docType string) string {
	switch {
	case f.family == "g-cloud" && docType == "services":
		return f.slug
	case f.family == dos && docType == "briefs":
		return briefAlias
	}
	return ""
}

type lot struct{ slug, name string }

func lots() []lot {
	return []lot{
		{"cloud-hosting", "Cloud hosting"},
		{"cloud-software", "Cloud software"},
		{"cloud-support", "Cloud support"},
		{"digital-outcomes", "Digital outcomes"},
		{"digital-specialists", "Digital specialists"},
		{"user-research-participants", "User research participants"},
	}
}

const (
	hosting = iota
	software
	support
	outcomes
	specialists
	participants
)

var statuses = []string{"disabled", "enabled", "published"}

const (
	disabled = iota
	enabled
	published
)
