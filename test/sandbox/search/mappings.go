package search

import (
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
)

// Build is a build of the search API: the mappings in its image, and how it answers. Two builds may use the same engine.
type Build struct {
	// Versions are the mapping versions by mapping name. A name that is missing has the newest version.
	Versions map[string]string
	// Old: errors of the engine have the index's name after them, a wrong type gets the error of an index without that
	// type, fetching a document checks the type, and it tries four times, over eleven seconds, to connect to an engine
	// that refuses.
	Old bool
}

// NewBuild is the build of 2020-11.
func NewBuild() Build { return Build{} }

// OldBuild is the build before it, for Elasticsearch 6: the same mappings at an older version.
func OldBuild() Build {
	return Build{Old: true, Versions: map[string]string{"services-g-cloud-12": "17.13.1", "briefs-digital-outcomes-and-specialists-2": "17.13.1"}}
}

const filters = `lot serviceCategories cloudDeploymentModel resellingType emailOrTicketingSupport phoneSupport
	webChatSupport onsiteSupport browsersAccess installation mobile APISoftware metricsHow metricsWhat scalingType
	usageNotifications backup backupDatacentre publicSectorNetworksTypes dataProtectionBetweenNetworks
	dataProtectionWithinNetwork dataStorageAndProcessingLocations userAuthentication managementAccessAuthentication
	standardsISOIEC27001 standardsISO28000 standardsCSASTAR standardsPCI securityGovernanceStandards
	datacentreSecurityStandards staffSecurityClearanceChecks governmentSecurityClearances educationPricing
	freeVersionTrialOption`

// mappings are the files of the directory mappings, with the same field names, prefixes, types and _meta.
func mappings(b Build) map[string]*mapping {
	services := map[string]string{
		"dmtext keyword":   "id lot frameworkName",
		"dmtext text":      "lotName serviceName serviceDescription serviceBenefits serviceFeatures supplierName serviceCategories",
		"dmagg keyword":    "lot serviceCategories",
		"dmfilter keyword": filters,
		"sortonly keyword": "serviceIdHash",
	}
	briefs := map[string]string{
		"dmtext keyword":   "id lot withdrawnAt publishedAt applicationsClosedAt clarificationQuestionsClosedAt cancelledAt unsuccessfulAt awardedBriefResponseId status",
		"dmtext text":      "organisation title specialistRole summary essentialRequirements niceToHaveRequirements location",
		"dmfilter keyword": "lot specialistRole status statusOpenClosed location",
		"dmagg keyword":    "lot",
		"sortonly keyword": "idHash",
		"sortonly date":    "publishedAt",
		"sortonly byte":    "statusOrder",
	}
	list := []*mapping{
		define(mapping{
			name: "services", version: "10.2.1", framework: "g-cloud-9", docType: "services", window: 20000,
			refused: "unknown parameter [include_in_all] on mapper [dmtext_id] of type [keyword]",
		}, services, serviceTransforms()),
		define(mapping{name: "services-g-cloud-10", version: "15.0.0", framework: "g-cloud-10", docType: "services", window: 50000}, services, serviceTransforms()),
		define(mapping{name: "services-g-cloud-11", version: "16.1.2", framework: "g-cloud-11", docType: "services", window: 50000}, services, serviceTransforms()),
		define(mapping{name: "services-g-cloud-12", version: "18.0.0", framework: "g-cloud-12", docType: "services", window: 50000}, services, serviceTransforms()),
		define(mapping{
			name: "briefs-digital-outcomes-and-specialists-2", version: "18.0.0", framework: "digital-outcomes-and-specialists-4",
			docType: "briefs", window: 10000, byStatus: true,
		}, briefs, briefTransforms()),
	}
	byName := map[string]*mapping{}
	for _, m := range list {
		if v := b.Versions[m.name]; v != "" {
			m.version = v
		}
		byName[m.name] = m
	}
	return byName
}

func serviceTransforms() []namedTransform {
	list := []namedTransform{{kind: "hash_to", field: "id", target: "serviceIdHash"}}
	for _, c := range data.Categories() {
		list = append(list, namedTransform{"append_conditionally", "serviceCategories", "", quote(c.Children...), quote(c.Parent)})
	}
	for _, c := range [][2]string{
		{"planningService", "Planning"},
		{"setupAndMigrationService", "Setup and migration"},
		{"QAAndTesting", "Quality assurance and performance testing"},
		{"securityTesting", "Security services"},
		{"training", "Training"},
		{"ongoingSupport", "Ongoing support"},
	} {
		list = append(list, namedTransform{"append_conditionally", c[0], "serviceCategories", []string{"true"}, quote(c[1])})
	}
	for _, field := range []string{"emailOrTicketingSupport", "webChatSupport", "onsiteSupport"} {
		list = append(list, namedTransform{"append_conditionally", field, field, quote("yes_extra_cost"), quote("yes")})
	}
	return append(list,
		namedTransform{"append_conditionally", "dataStorageAndProcessingLocations", "", quote("uk"), quote("eea")},
		namedTransform{"append_conditionally", "dataStorageAndProcessingLocations", "", quote("uk", "eea"), quote("privacy_shield")},
		namedTransform{"append_conditionally", "governmentSecurityClearances", "", quote("dv", "sc"), quote("sc")},
		namedTransform{"append_conditionally", "governmentSecurityClearances", "", quote("dv", "sc", "bpss"), quote("bpss")},
	)
}

func briefTransforms() []namedTransform {
	closed := quote("awarded", "cancelled", "closed", "unsuccessful")
	return []namedTransform{
		{kind: "hash_to", field: "id", target: "idHash"},
		{"set_conditionally", "status", "statusOpenClosed", quote("live"), quote("open")},
		{"set_conditionally", "status", "statusOpenClosed", closed, quote("closed")},
		{"append_conditionally", "status", "statusOrder", quote("live"), []string{"0"}},
		{"append_conditionally", "status", "statusOrder", closed, []string{"1"}},
		{"append_conditionally", "status", "statusOrder", quote("draft", "withdrawn"), []string{"2"}},
	}
}
