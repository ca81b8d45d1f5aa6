package elasticsearch_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
)

// wrong loads the settings of preview with some changed, and names the variables
// that are complained of.
func wrong(t *testing.T, changed map[string]string) []string {
	t.Helper()
	env := map[string]string{
		"STAGE": "preview", "CF_USERNAME": "u", "CF_PASSWORD": "p4ssw0rd", "SERVICE_PLAN": "small",
		"DM_DATA_API_TOKEN_PREVIEW": "t0ken-one", "DM_SEARCH_API_TOKEN_PREVIEW": "t0ken-two",
	}
	for k, v := range changed {
		env[k] = v
	}
	settings, all := environ.Load[elasticsearch.Settings](t.Context(), func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	all = append(all, settings.Problems(elasticsearch.Runbook(nil).Steps)...)
	names := []string{}
	for _, p := range all {
		names = append(names, p.Variable)
	}
	return names
}

func TestTheHousesSettingsAreRight(t *testing.T) {
	if names := wrong(t, nil); len(names) > 0 {
		t.Errorf("complained of %v", names)
	}
}

func TestEachWrongSettingIsNamedAlone(t *testing.T) {
	for variable, values := range map[string][]string{
		"SERVICE_PARAMETERS":   {"[1]", "{", `"x"`},
		"INDICES":              {`[{"alias":"` + strings.Repeat("a", 241) + `","kind":"briefs","frameworks":["d"],"mapping":"m"}]`, `[{"alias":"_all"}]`, "[]", "{"},
		"IMAGE":                {"a b"},
		"MAX_REMOVALS":         {"-2"},
		"SERVICE_VARIABLE":     {"A B", "1A"},
		"LIVE_APP":             {strings.Repeat("a", 242)},
		"OLD_SERVICE":          {strings.Repeat("a", 256)},
		"PRIVATE_ROUTE":        {strings.Repeat("h", 64) + ".cloudapps.digital"},
		"NEW_APP":              {"search-api", "search-api-old", "../../escaped", "a b"},
		"NEW_SERVICE":          {"search_api_elasticsearch", "search_api_elasticsearch_old"},
		"TEMPORARY_ROUTE":      {"dm-search-api-preview.cloudapps.digital"},
		"DATA_API_URL":         {"127.0.0.1", "ftp://x"},
		"SEARCH_API_URL":       {"nonsense"},
		"CF_API":               {"ftp://x"},
		"ROUTER_ADDRESS":       {"nonsense"},
		"ROUTE_SCHEME":         {"ftp"},
		"ROUTERS":              {"0", "-1", "100000", "six"},
		"CONCURRENCY":          {"0", "many"},
		"RATE":                 {"-1"},
		"SEARCH_API_WORKERS":   {"0", "some"},
		"MAX_FAILED":           {"-3", "1001"},
		"WITNESS_RATE":         {"NaN", "0", "-1", "1e10"},
		"WITNESS_BASELINE":     {"-1s"},
		"DRAIN":                {"-5s", "soon"},
		"ROUTE_TIMEOUT":        {"-1s", "0s"},
		"VERIFY_TIMEOUT":       {"0s"},
		"POLL_INTERVAL":        {"0s"},
		"REMOVE_OLD_APP":       {"burn"},
		"ON_BREACH":            {"panic"},
		"PLAN_DIGEST":          {"nonsense", "1:", "2:traffic=0123456789", "1:traffic=blue"},
		"HOLD_OLD_SERVICE_FOR": {"-1h"},
		"LEASE_STALE_AFTER":    {"31s"},
	} {
		for _, value := range values {
			if diff := cmp.Diff([]string{variable}, wrong(t, map[string]string{variable: value})); diff != "" {
				t.Errorf("%s=%q (-want +got):\n%s", variable, value, diff)
			}
		}
	}
}
