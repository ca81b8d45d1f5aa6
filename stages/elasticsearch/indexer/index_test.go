package indexer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func TestParseIndices(t *testing.T) {
	got, err := indexer.ParseIndices(`[{"alias":"g-cloud-12","kind":"services","frameworks":["g-cloud-12"],"mapping":"services-g-cloud-12"}]`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(indexer.Defaults("preview")[:1], got, cmpopts.EquateComparable(searchapi.Name{})); diff != "" {
		t.Error(diff)
	}
	if got := got[0].Dated(day).String() + " " + got[0].Old().String(); got != "g-cloud-12-2021-03-01 g-cloud-12-old" {
		t.Error(got)
	}
}

func TestParseIndicesReportsAllProblems(t *testing.T) {
	_, err := indexer.ParseIndices(`[
		{"alias":"_all","kind":"service","frameworks":[],"mapping":" "},
		{"alias":"a","kind":"briefs","frameworks":["d","d"],"mapping":"m"},
		{"alias":"a","kind":"briefs","frameworks":["d,e"],"mapping":"m"},
		{"alias":"a-old","kind":"services","frameworks":["g"],"mapping":"m"}]`)
	if runner.ClassOf(err) != runner.Misconfigured {
		t.Fatal(err)
	}
	for _, problem := range []string{
		`entry 1: alias: "_all"`, `entry 1: kind: "service"`, `entry 1: frameworks: none`, `entry 1: mapping: it is empty`,
		`entry 2: frameworks: "d" is listed twice`, `entry 3: alias: "a"`, `entry 3: frameworks: "d,e"`, `entry 4: alias: "a-old"`,
	} {
		if !strings.Contains(err.Error(), problem) {
			t.Errorf("%q is not reported", problem)
		}
	}
	for _, text := range []string{``, `{}`, `[]`, `[{"alais":"a"}]`, `[] []`, `null`} {
		if _, err := indexer.ParseIndices(text); runner.ClassOf(err) != runner.Misconfigured {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDefaultsByStage(t *testing.T) {
	for stage, want := range map[string]int{"preview": 4, "staging": 5, "production": 5} {
		if got := indexer.Defaults(stage)[1].Frameworks; len(got) != want || got[len(got)-1] != "digital-outcomes-and-specialists-"+string(rune('0'+want)) {
			t.Errorf("%s: %v", stage, got)
		}
	}
}
