package data

import (
	"slices"
	"strconv"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// field is one key of a service's document. Its value depends on the seed and the service and, if edited is set, on how
// often the service was edited.
type field struct {
	name    string
	lots    string // of h, s and u: hosting, software, support
	percent int    // how many services have it
	edited  bool
	value   func(b []byte, r *random) []byte
}

func yesNo(percent int) func([]byte, *random) []byte {
	return func(b []byte, r *random) []byte { return strconv.AppendBool(b, r.chance(percent)) }
}

func one(options ...string) func([]byte, *random) []byte {
	return func(b []byte, r *random) []byte { return flask.AppendString(b, options[r.n(len(options))]) }
}

func some(options ...string) func([]byte, *random) []byte {
	return func(b []byte, r *random) []byte {
		mask := r.next()
		b = append(b, '[')
		first := true
		for i, o := range options {
			if mask>>uint(i)&1 == 0 && (i < len(options)-1 || !first) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = flask.AppendString(b, o)
		}
		return append(b, ']')
	}
}

func text(low, high int) func([]byte, *random) []byte {
	return func(b []byte, r *random) []byte { return phrase(b, r, r.between(low, high)) }
}

func texts(low, high, words int) func([]byte, *random) []byte {
	return func(b []byte, r *random) []byte {
		b = append(b, '[')
		for i := range r.between(low, high) {
			if i > 0 {
				b = append(b, ',')
			}
			b = phrase(b, r, r.between(words/2, words))
		}
		return append(b, ']')
	}
}

func money(low, high int) func([]byte, *random) []byte {
	return func(b []byte, r *random) []byte {
		return flask.AppendString(b, strconv.Itoa(r.between(low, high))+"."+strconv.Itoa(10+r.n(90)))
	}
}

func document(kind string) func([]byte, *random) []byte {
	return func(b []byte, r *random) []byte {
		n := strconv.Itoa(r.between(100000, 999999))
		return flask.AppendString(b, "https://assets.digitalmarketplace.service.gov.uk/g-cloud-12/documents/"+n+"/"+
			strconv.Itoa(r.between(1e8, 9e8))+"-"+kind+"-2020-07-"+strconv.Itoa(10+r.n(20))+"-1201.pdf")
	}
}

func childCategories() func([]byte, *random) []byte {
	list := children()
	return func(b []byte, r *random) []byte {
		b = append(b, '[')
		at, step := r.n(len(list)), 1+r.n(7)
		for i := range r.between(1, 6) {
			if i > 0 {
				b = append(b, ',')
			}
			b = flask.AppendString(b, list[(at+i*step)%len(list)])
		}
		return append(b, ']')
	}
}

// serviceFields are the questions of G-Cloud 12 that services answer: all that are in the search mapping, and most of
// those that are not.
func serviceFields() []field {
	const all, hs = "hsu", "hs"
	list := []field{
		{"serviceName", all, 100, false, text(2, 7)},
		{"serviceDescription", all, 100, true, text(35, 60)},
		{"serviceFeatures", all, 100, true, texts(6, 10, 9)},
		{"serviceBenefits", all, 100, true, texts(5, 10, 9)},
		{"serviceCategories", "s", 100, false, childCategories()},
		{"serviceCategories", "h", 100, false, some("Archiving, backup and disaster recovery", "Compute and application hosting", "Databases", "Object storage", "Platform as a service (PaaS)")},
		{"cloudDeploymentModel", hs, 100, false, some("Public cloud", "Private cloud", "Community cloud", "Hybrid cloud")},
		{"resellingType", hs, 100, false, one("not_reseller", "reseller_extra_features_and_support", "reseller_extra_support", "reseller_no_extras")},
		{"emailOrTicketingSupport", all, 100, false, one("yes", "yes_extra_cost", "no")},
		{"phoneSupport", all, 100, false, yesNo(85)},
		{"webChatSupport", all, 100, false, one("yes", "yes_extra_cost", "no")},
		{"onsiteSupport", all, 100, false, one("yes", "yes_extra_cost", "no")},
		{"browsersAccess", "s", 100, false, yesNo(95)},
		{"installation", "s", 100, false, yesNo(30)},
		{"mobile", "s", 100, false, yesNo(80)},
		{"APISoftware", "s", 100, false, yesNo(70)},
		{"metricsHow", hs, 70, false, some("api_access", "realtime_dashboards", "regular_reports", "on_request")},
		{"metricsWhat", "h", 80, false, some("cpu", "disk", "http_request_response_status", "memory", "network", "active_instances")},
		{"scalingType", "h", 100, false, some("automatic", "manual")},
		{"usageNotifications", "h", 100, false, yesNo(75)},
		{"backup", hs, 100, false, yesNo(80)},
		{"backupDatacentre", "h", 80, false, one("multiple_datacentres_with_DR", "multiple_datacentres", "single_datacentre_with_copies", "single_datacentre")},
		{"publicSectorNetworksTypes", hs, 45, false, some("psn", "pnn", "n3", "janet", "swan", "hscn")},
		{"dataProtectionBetweenNetworks", hs, 100, false, some("private_or_psn_network", "tls_1_2_or_above", "ipsec", "legacy_tls", "other")},
		{"dataProtectionWithinNetwork", hs, 100, false, some("tls_1_2_or_above", "ipsec", "legacy_tls", "other")},
		{"dataStorageAndProcessingLocations", hs, 100, false, some("uk", "eea", "privacy_shield", "other_locations")},
		{"userAuthentication", hs, 100, false, some("two_factor_authentication", "public_key_authentication", "identity_federation", "username_or_password", "other")},
		{"managementAccessAuthentication", hs, 100, false, some("two_factor_authentication", "public_key_authentication", "identity_federation", "dedicated_link", "username_or_password")},
		{"standardsISOIEC27001", all, 100, false, yesNo(70)},
		{"standardsISO28000", all, 100, false, yesNo(8)},
		{"standardsCSASTAR", all, 100, false, yesNo(20)},
		{"standardsPCI", all, 100, false, yesNo(25)},
		{"securityGovernanceStandards", hs, 70, false, some("iso_iec_27001", "csa_ccm", "other")},
		{"datacentreSecurityStandards", hs, 100, false, one("recognised_standard", "supplier_defined", "third_party")},
		{"staffSecurityClearanceChecks", all, 100, false, one("staff_screening_bs7858_2019", "staff_screening_bs7858_2012", "staff_screening_not_bs7858", "none")},
		{"governmentSecurityClearances", all, 60, false, some("dv", "sc", "bpss")},
		{"educationPricing", all, 100, false, yesNo(40)},
		{"freeVersionTrialOption", hs, 100, false, yesNo(50)},
		{"planningService", "u", 100, false, yesNo(70)},
		{"setupAndMigrationService", "u", 100, false, yesNo(65)},
		{"QAAndTesting", "u", 100, false, yesNo(55)},
		{"securityTesting", "u", 100, false, yesNo(35)},
		{"training", "u", 100, false, yesNo(60)},
		{"ongoingSupport", "u", 100, false, yesNo(75)},
		{"priceMin", all, 100, true, money(1, 400)},
		{"priceMax", all, 60, false, money(401, 3000)},
		{"priceUnit", all, 100, false, one("Unit", "User", "Licence", "Instance", "Device", "Person", "Virtual machine", "Server")},
		{"priceInterval", all, 100, false, one("Second", "Hour", "Day", "Month", "Year", "Quarter", "")},
		{"pricingDocumentURL", all, 100, false, document("pricing-document")},
		{"serviceDefinitionDocumentURL", all, 90, false, document("service-definition-document")},
		{"sfiaRateDocumentURL", all, 70, false, document("sfia-rate-card")},
		{"termsAndConditionsDocumentURL", all, 100, false, document("terms-and-conditions")},
		{"modernSlaveryStatementURL", all, 30, false, document("modern-slavery-statement")},
		{"gettingStarted", hs, 100, false, text(20, 50)},
		{"dataExtraction", hs, 100, false, text(20, 45)},
		{"contractEndProcess", hs, 100, false, text(20, 50)},
		{"availabilityApproach", hs, 100, false, text(15, 45)},
		{"outageReporting", hs, 100, false, text(5, 20)},
		{"supportResponseTimes", hs, 100, false, text(10, 40)},
		{"supportLevels", all, 100, false, text(30, 70)},
		{"serviceConstraints", hs, 100, false, text(8, 35)},
		{"customisationDescription", hs, 60, false, text(15, 45)},
		{"independenceOfResources", hs, 100, false, text(12, 40)},
		{"configurationManagementApproach", hs, 100, false, text(20, 55)},
		{"vulnerabilityManagementApproach", hs, 100, false, text(20, 55)},
		{"protectiveMonitoringApproach", hs, 100, false, text(20, 55)},
		{"incidentManagementApproach", hs, 100, false, text(20, 55)},
		{"informationSecurityPolicies", hs, 100, false, text(20, 55)},
		{"accessRestrictionManagementAndSupport", hs, 100, false, text(10, 35)},
		{"APIUsage", "s", 70, false, text(20, 50)},
		{"metricsDescription", "s", 70, false, text(6, 25)},
		{"supportAccessibilityTesting", all, 40, false, text(6, 25)},
		{"planningServiceDescription", "u", 70, false, text(45, 75)},
		{"setupAndMigrationServiceDescription", "u", 65, false, text(45, 75)},
		{"trainingDescription", "u", 60, false, text(45, 75)},
		{"QAAndTestingDescription", "u", 55, false, text(45, 75)},
		{"securityTestingDescription", "u", 60, false, text(40, 70)},
		{"ongoingSupportDescription", "u", 100, false, text(60, 90)},
		{"supportDescription", "u", 100, false, text(60, 90)},
		{"serviceScopeDescription", "u", 100, false, text(60, 100)},
		{"consultancyApproach", "u", 100, false, text(80, 120)},
		{"knowledgeTransferApproach", "u", 100, false, text(60, 100)},
		{"engagementModelDescription", "u", 100, false, text(60, 100)},
		{"APIDocumentationFormats", hs, 60, false, some("html", "odf", "openapi", "pdf", "other")},
		{"browsersSupported", "s", 95, false, some("ie_7", "ie_8", "ie_9", "ie_10", "ie_11", "microsoft_edge", "firefox", "chrome", "safari_9", "opera")},
		{"dataExportFormats", hs, 90, false, some("csv", "odf", "other")},
		{"dataImportFormats", hs, 90, false, some("csv", "odf", "other")},
		{"dataAtRestProtection", hs, 100, false, some("physical_access_control_csa_ccm", "physical_access_control_ssae16", "physical_access_control_other", "encryption_of_all_physical_media", "scale_obfuscation_or_sharding_storage", "other")},
		{"backupWhat", "h", 80, false, texts(2, 5, 5)},
		{"documentationAccessibilityStandards", hs, 50, false, one("wcag_2_1_aa_or_equivalent", "wcag_2_1_a", "none_or_dont_know")},
		{"emailOrTicketingSupportPriorities", all, 60, false, yesNo(80)},
		{"phoneSupportAvailability", all, 85, false, one("nine_to_five", "24_hours_a_day", "nine_to_five_weekdays")},
		{"webChatSupportAccessibilityStandards", all, 40, false, one("wcag_2_1_aa_or_equivalent", "none_or_dont_know")},
		{"penetrationTestingApproach", hs, 100, false, some("it_health_check_service", "crest", "in_house", "other")},
		{"penetrationTestingFrequency", hs, 100, false, one("at_least_every_6_months", "at_least_once_a_year", "less_than_once_a_year", "never")},
		{"physicalAccessControlCSA", hs, 100, false, yesNo(30)},
		{"secureDevelopment", hs, 100, false, one("independent_review_secure_development", "supplier_conforms_to_recognised_standard", "supplier_defined_process")},
		{"auditBuyersActions", hs, 100, false, one("users_access_in_real_time", "users_receive_on_regular_basis", "users_contact_support_to_get", "no_audit")},
		{"auditBuyersActionsStorageTime", hs, 100, false, one("user_defined", "6_to_12_months", "at_least_12_months", "1_to_6_months")},
		{"auditSuppliersActions", hs, 100, false, one("users_access_in_real_time", "users_receive_on_regular_basis", "no_audit")},
		{"deviceAccessMethod", hs, 100, false, some("dedicated_device_on_a_segregated_network", "dedicated_device_on_a_government_network", "any_device_through_a_bastion_host", "directly_from_any_device")},
		{"vulnerabilityManagementType", hs, 100, false, one("recognised_standard", "supplier_defined", "undisclosed")},
		{"protectiveMonitoringType", hs, 100, false, one("recognised_standard", "supplier_defined", "undisclosed")},
		{"incidentManagementType", hs, 100, false, one("recognised_standard", "supplier_defined", "undisclosed")},
		{"configurationAndChangeManagementType", hs, 100, false, one("recognised_standard", "supplier_defined", "undisclosed")},
		{"equipmentDisposalApproach", hs, 100, false, one("recognised_standard", "in_house_destruction", "third_party_destruction", "no_disposal")},
		{"dataSanitisation", hs, 100, false, yesNo(95)},
		{"dataSanitisationType", hs, 90, false, some("deleted_data_not_directly_accessed", "explicit_overwriting", "hardware_containing_data_destroyed")},
		{"penetrationTestingWho", hs, 40, false, texts(1, 3, 4)},
		{"standardsISOIEC27001Who", all, 70, false, text(2, 5)},
		{"standardsISOIEC27001When", all, 70, false, one("14/03/2019", "2/7/2020", "30/11/2018")},
		{"standardsISOIEC27001Exclusions", all, 70, false, text(6, 25)},
		{"standardsCyberEssentials", all, 100, false, yesNo(85)},
		{"standardsCyberEssentialsPlus", all, 100, false, yesNo(35)},
		{"otherSecurityCertifications", all, 30, false, texts(1, 4, 5)},
		{"openStandardsSupported", hs, 100, false, yesNo(50)},
		{"usersManageAndConfigure", "s", 100, false, yesNo(75)},
		{"serviceInterface", "s", 100, false, yesNo(85)},
		{"serviceInterfaceDescription", "s", 85, false, text(8, 30)},
		{"serviceInterfaceAccessibility", "s", 85, false, one("wcag_2_1_aa_or_equivalent", "none_or_dont_know")},
		{"virtualisation", "h", 100, false, yesNo(90)},
		{"virtualisationSeparation", "h", 90, false, text(10, 35)},
		{"energyEfficientDatacentres", "h", 100, false, yesNo(60)},
		{"energyEfficientDatacentresDescription", "h", 60, false, text(8, 25)},
		{"guaranteedAvailability", hs, 100, false, text(12, 40)},
	}
	slices.SortStableFunc(list, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return list
}
