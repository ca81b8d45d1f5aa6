package rules

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

// layer says what of ours the packages in a folder may import. A name that ends in /... means all that is below, a * any one
// name; the first layer that fits a package counts.
type layer struct {
	folder string
	may    []string
	why    string
}

var layers = []layer{
	{
		"cmd/cutover",
		[]string{"stages/...", "jenkins/..."},
		"the command line wires everything, and only it may know everything",
	},
	{
		"cmd/sandbox",
		[]string{"test/sandbox"},
		"the sandbox is no part of the program: neither may be linked into the other",
	},
	{
		"jenkins/junit",
		[]string{"stages/runner"},
		"a report is made of the runner's results and of nothing else",
	},
	{
		"jenkins/report",
		[]string{"jenkins/junit", "stages/runner"},
		"a report is made of the runner's results and of nothing else",
	},
	{
		"stages/environ", nil,
		"settings are read below everything else",
	},
	{
		"stages/httpclient", nil,
		"how HTTP is spoken is decided below everything else",
	},
	{
		"stages/runner",
		[]string{"stages/httpclient"},
		"the executor knows no system: what it needs it declares, and cmd wires it; of httpclient it has the permit to write",
	},
	{
		"stages/command", nil,
		"running a program needs nothing of ours",
	},
	{
		"stages/console",
		[]string{"stages/runner", "stages/upgrade/report"},
		"the log is made of the results of stages and of the status, and of nothing else",
	},
	{
		"stages/cloudfoundry",
		[]string{"stages/runner", "stages/httpclient", "stages/environ"},
		"a system knows no stage and no other system; of runner it has the classes of errors",
	},
	{
		"stages/cloudfoundry/manifest", nil,
		"a manifest is text to edit: fetching and applying it is the client's job",
	},
	{
		"stages/witness",
		[]string{"stages/runner", "stages/httpclient", "stages/environ"},
		"the witness only asks an address: it knows no stage and no system",
	},
	{
		"stages/journal",
		[]string{"stages/cloudfoundry", "stages/runner", "stages/httpclient", "stages/environ"},
		"the run and the lease are kept on Cloud Foundry, and know no stage",
	},
	{
		"stages/upgrade",
		[]string{"stages/runner", "stages/cloudfoundry", "stages/journal", "stages/httpclient", "stages/environ"},
		"what every runbook shares knows no runbook, and nothing of replacing one app by another",
	},
	{
		"stages/upgrade/...",
		[]string{"stages/upgrade", "stages/runner", "stages/cloudfoundry", "stages/journal", "stages/httpclient", "stages/environ"},
		"what every runbook shares knows no runbook, and nothing of replacing one app by another",
	},
	{
		"stages/bluegreen/...",
		[]string{"stages/bluegreen/...", "stages/upgrade/...", "stages/runner", "stages/cloudfoundry/...", "stages/journal", "stages/witness", "stages/httpclient", "stages/environ"},
		"replacing a live app by another beside it is the same whatever is behind it: it knows no runbook",
	},
	{
		"stages/*",
		[]string{"./...", "stages/bluegreen/...", "stages/upgrade/...", "stages/runner", "stages/cloudfoundry/...", "stages/witness", "stages/journal", "stages/console", "stages/command", "stages/httpclient", "stages/environ"},
		"a runbook knows the systems, and neither another runbook nor the command line",
	},
	{
		"stages/*/...",
		[]string{"../*/...", "stages/runner", "stages/httpclient", "stages/environ"},
		"what only one runbook talks to knows neither its stages nor the platform",
	},
	{
		"test/sandbox",
		[]string{"test/sandbox/..."},
		"a client's mistake must not be mirrored in its double: the sandbox has wire types of its own",
	},
	{
		"test/sandbox/...",
		[]string{"test/sandbox/..."},
		"a client's mistake must not be mirrored in its double: the sandbox has wire types of its own",
	},
	{
		"test/...",
		[]string{"stages/...", "jenkins/...", "test/..."},
		"nothing but a process may run the command line: tests run the real binary",
	},
}

// tests may import more than the packages they are of: they use the real sandbox. It has tests of its own alone.
func (l layer) forTests() layer {
	if strings.HasPrefix(l.folder, "test/sandbox") {
		return l
	}
	l.may = append(append([]string{"test/..."}, l.may...), "./...")
	if !strings.HasPrefix(l.folder, "cmd/") {
		l.may = append(l.may, "stages/...", "jenkins/...")
	}
	return l
}

// layerOf finds the layer of a folder; nil if there is none.
func layerOf(folder string) *layer {
	for i := range layers {
		if fits(layers[i].folder, folder) {
			return &layers[i]
		}
	}
	return nil
}

// fits tells whether a folder is what a pattern means.
func fits(pattern, folder string) bool {
	above, below := strings.CutSuffix(pattern, "/...")
	want, have := strings.Split(above, "/"), strings.Split(folder, "/")
	if len(have) < len(want) || !below && len(have) > len(want) {
		return false
	}
	for i := range want {
		if want[i] != "*" && want[i] != have[i] {
			return false
		}
	}
	return true
}

// isOurs tells an import of this repository from others: its path has no module name any more.
func isOurs(imported string) bool {
	top, _, _ := strings.Cut(imported, "/")
	return top == "stages" || top == "jenkins" || top == "test" || top == "cmd"
}

func importRule(files []source) []string {
	var found []string
	for _, s := range files {
		l := layerOf(s.folder)
		if l == nil {
			found = append(found, fmt.Sprintf("%s has no place among the layers", s.folder))
			continue
		}
		allowed := *l
		if s.isTest() {
			allowed = l.forTests()
		}
		for _, imported := range s.imports() {
			if !isOurs(imported) || imported == s.folder {
				continue
			}
			is := false
			for _, may := range allowed.may {
				if strings.HasPrefix(may, ".") {
					above, _ := strings.CutSuffix(may, "/...")
					may = path.Join(s.folder, above) + "/..."
				}
				is = is || fits(may, imported)
			}
			if !is {
				found = append(found, fmt.Sprintf("%s/%s imports %s: %s", s.folder, s.name, imported, allowed.why))
			}
		}
	}
	return found
}

func TestWhoMayImportWhom(t *testing.T) {
	const from = "import _ \"" + module
	tryOut(t, importRule, map[string]example{
		"a stage uses a system":                     {"stages/elasticsearch/a.go", "package x\n" + from + "stages/cloudfoundry\"", false},
		"a stage uses its own":                      {"stages/elasticsearch/a.go", "package x\n" + from + "stages/elasticsearch/indexer\"", false},
		"a stage uses another runbook":              {"stages/elasticsearch/a.go", "package x\n" + from + "stages/nginx\"", true},
		"a system uses a stage":                     {"stages/cloudfoundry/a.go", "package x\n" + from + "stages/elasticsearch\"", true},
		"a system uses another":                     {"stages/witness/a.go", "package x\n" + from + "stages/cloudfoundry\"", true},
		"a manifest uses the client":                {"stages/cloudfoundry/manifest/a.go", "package x\n" + from + "stages/cloudfoundry\"", true},
		"a runbook uses manifests":                  {"stages/nginx/a.go", "package x\n" + from + "stages/cloudfoundry/manifest\"", false},
		"a runbook's package uses the runbook":      {"stages/elasticsearch/indexer/a.go", "package x\n" + from + "stages/elasticsearch\"", true},
		"a runbook's package uses its sibling":      {"stages/elasticsearch/indexer/a.go", "package x\n" + from + "stages/elasticsearch/searchapi\"", false},
		"a runbook's package uses the platform":     {"stages/elasticsearch/indexer/a.go", "package x\n" + from + "stages/cloudfoundry\"", true},
		"the runner uses a system":                  {"stages/runner/a.go", "package x\n" + from + "stages/cloudfoundry\"", true},
		"the runner uses a report":                  {"stages/runner/a.go", "package x\n" + from + "jenkins/junit\"", true},
		"the program uses the sandbox":              {"cmd/cutover/a.go", "package x\n" + from + "test/sandbox\"", true},
		"a stage uses the sandbox":                  {"stages/elasticsearch/a.go", "package x\n" + from + "test/sandbox\"", true},
		"a stage's test uses the sandbox":           {"stages/elasticsearch/a_test.go", "package x\n" + from + "test/sandbox\"", false},
		"the sandbox uses the program":              {"test/sandbox/platform/a.go", "package x\n" + from + "stages/cloudfoundry\"", true},
		"the sandbox's test uses the program":       {"test/sandbox/a_test.go", "package x\n" + from + "stages/cloudfoundry\"", true},
		"a test uses the command line's package":    {"test/e2e/a_test.go", "package x\n" + from + "cmd/cutover\"", true},
		"a package stands where there is no layer":  {"helpers/a.go", "package x", true},
		"a report uses a stage rather than results": {"jenkins/report/a.go", "package x\n" + from + "stages/elasticsearch\"", true},
	})
	complain(t, "who may import whom", importRule(sources(t)))
}

// reserved are imports that only some folders of the program may have. Tests are free in it.
var reserved = []struct {
	prefix string
	only   []string
	why    string
}{
	{"github.com/alecthomas/kong", []string{"cmd/..."}, "what a person types is read in one place"},
	{"github.com/sethvargo/go-envconfig", []string{"stages/environ"}, "what a job exports is read in one place"},
	{"github.com/hashicorp/go-retryablehttp", []string{"stages/httpclient"}, "what is tried again, and how often, is decided in one place"},
	{"github.com/cloudfoundry/go-cfclient", []string{"stages/cloudfoundry"}, "its known faults are gone round in one place"},
	{"github.com/jstemmer/go-junit-report", []string{"jenkins/junit"}, "the runner's results know no XML"},
	{"encoding/xml", []string{"jenkins/...", "test/..."}, "the runner's results know no XML"},
	{"testing", []string{"test/..."}, "no test helper is linked into the program"},
	{"os/exec", []string{"stages/command", "test/..."}, "the program asks APIs; the few programs of others that it runs are run in one place"},
}

func reservedRule(files []source) []string {
	var found []string
	for _, s := range files {
		if s.isTest() {
			continue
		}
		for _, imported := range s.imports() {
			for _, r := range reserved {
				if imported != r.prefix && !strings.HasPrefix(imported, r.prefix+"/") {
					continue
				}
				is := false
				for _, only := range r.only {
					is = is || fits(only, s.folder)
				}
				if !is {
					found = append(found, fmt.Sprintf("%s/%s imports %s: %s", s.folder, s.name, imported, r.why))
				}
			}
		}
	}
	return found
}

func TestWhatIsImportedInOnePlaceOnly(t *testing.T) {
	tryOut(t, reservedRule, map[string]example{
		"the runner makes XML":              {"stages/runner/a.go", `package x; import _ "encoding/xml"`, true},
		"junit makes XML":                   {"jenkins/junit/a.go", `package x; import _ "github.com/jstemmer/go-junit-report/v2/junit"`, false},
		"a stage has a client of its own":   {"stages/elasticsearch/a.go", `package x; import _ "github.com/hashicorp/go-retryablehttp"`, true},
		"a stage calls the platform itself": {"stages/elasticsearch/a.go", `package x; import _ "github.com/cloudfoundry/go-cfclient/v3/client"`, true},
		"a stage runs cf":                   {"stages/elasticsearch/a.go", `package x; import _ "os/exec"`, true},
		"a test runs the program":           {"stages/elasticsearch/a_test.go", `package x; import _ "os/exec"`, false},
	})
	complain(t, "what is imported in one place only", reservedRule(sources(t)))
}
