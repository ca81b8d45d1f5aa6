package data

import "strconv"

// framework is a row of the frameworks table; its index in the list is its key less one.
type framework struct {
	slug, family, name, status string
	furtherCompetition         bool
}

// frameworks are G-Cloud 11 and 12, and the first outcomes of the Digital Outcomes frameworks, of which the newest is live.
func frameworks(outcomes int) []framework {
	list := []framework{
		{"g-cloud-11", "g-cloud", "G-Cloud 11", "expired", false},
		{"g-cloud-12", "g-cloud", "G-Cloud 12", "live", false},
		{dos, dos, "Digital Outcomes and Specialists", "expired", true},
	}
	for i := 2; i <= outcomes; i++ {
		n := strconv.Itoa(i)
		list = append(list, framework{dos + "-" + n, dos, "Digital Outcomes and Specialists " + n, "expired", true})
	}
	list[len(list)-1].status = "live"
	return list
}

const (
	dos        = "digital-outcomes-and-specialists"
	gcloud11   = 0
	gcloud12   = 1
	firstDOS   = 2
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
