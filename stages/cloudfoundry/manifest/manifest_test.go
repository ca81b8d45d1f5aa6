package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
)

const blue = `applications:
  - name: search-api
    memory: 512M
    some-future-key: {a: 1}
    metadata: {labels: {cutover-run: r1, team: search}}
    env: {TOKEN: t0ken-value, STAGE: preview}
    services:
      - {name: es, parameters: {password: t0ken-value}}
      - splunk
`

func parse(t *testing.T, text string) *manifest.Manifest {
	t.Helper()
	m, err := manifest.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseWantsExactlyOneApp(t *testing.T) {
	for _, text := range []string{"", "- a\n", "applications: []\n", "applications: [{name: a}, {name: b}]\n", "applications: [a]\n", "a: ["} {
		if _, err := manifest.Parse([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestEditsKeepUnknownKeys(t *testing.T) {
	m := parse(t, blue)
	m.Drop("services", "memory")
	m.DropEnv("TOKEN")
	m.DropMetadata("cutover-")
	if err := m.SetName("green"); err != nil {
		t.Fatal(err)
	}
	got, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const want = "applications:\n  - name: green\n    some-future-key: {a: 1}\n    metadata: {labels: {team: search}}\n    env: {STAGE: \"preview\"}\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestRedactedShowsOnlyTheNamedVariables(t *testing.T) {
	got, err := parse(t, blue).Redacted("STAGE")
	if err != nil || strings.Contains(got, "t0ken-value") || !strings.Contains(got, "preview") || !strings.Contains(got, "***") {
		t.Errorf("got %v, %s", err, got)
	}
}

func TestCovers(t *testing.T) {
	for want, covered := range map[string]bool{
		"{name: search-api, memory: 512M}":          true,
		"{services: [splunk]}":                      true,
		"{services: [{name: es}]}":                  true,
		"{some-future-key: {a: '1'}}":               true,
		"{env: {STAGE: preview}, disk_quota: 1G}":   true,
		"{env: {STAGE: production}}":                false,
		"{env: {OTHER: x}}":                         false,
		"{services: [{name: es, binding_name: x}]}": false,
		"{memory: {a: 1}}":                          false,
	} {
		if got := parse(t, blue).Covers(parse(t, "applications: ["+want+"]\n"), "disk_quota"); got != covered {
			t.Errorf("%s: got %t", want, got)
		}
	}
}

func TestDiff(t *testing.T) {
	if diff := cmp.Diff("  a\n- b\n+ c\n  d\n", manifest.Diff("a\nb\nd\n", "a\nc\nd\n")); diff != "" {
		t.Error(diff)
	}
}

// odd are values of variables that parsers of YAML read in different ways, or that an
// encoder writes so that none reads them.
var odd = []string{
	"", "on", "no", "y", "0123", "1,000", "1_000", "1e3", "0x1F", "12:30", "2001-01-01", "null", "~", "=", "<<", ":symbol", "- x", "a: b", "# c",
	"a # c", "'", `"`, `\n`, "{a: b}", "!x", "&a", "*a", "%x", "@x", " lead", "trail ", "a\nb\n", "a\n\nb", " a\n b", "\n a", "a \nb", "---\nb",
	"a\r\nb", "a\rb", "\ta\nb", "😀 é", "\u0085x\ny", "\u2028x\ny", "\ufeffx", "\x07", strings.Repeat("line é😀\n", 5000), strings.Repeat("x y", 20000),
}

// A value is the same after any number of readings and writings, and is a text for
// every parser: nothing but double quotes around it.
func TestAValueIsCarriedByteForByte(t *testing.T) {
	for _, text := range odd {
		m, err := manifest.Parse([]byte("applications:\n- name: a\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.SetEnv("V", text); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			written, err := m.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(written), `V: "`) {
				t.Errorf("%.40q is written as %.60q", text, written)
			}
			if m, err = manifest.Parse(written); err != nil || m.Env()["V"] != text {
				t.Fatalf("%.40q is written as %.60q: %v", text, written, err)
			}
		}
	}
}
