package elasticsearch

import (
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// An index whose record cannot be read is not taken for somebody else's, beside which another would be filled.
func TestADamagedRecordOfAnIndexIsRefused(t *testing.T) {
	indices := indexer.Defaults("preview")
	name := factIndex(indices[0].Alias)
	for text, want := range map[string]runner.Class{"": runner.Succeeded, `{"name":"g-cloud-12-2026-11-23"}`: runner.Succeeded, `{"name":`: runner.Refused} {
		f := &filler{apis: &apis{run: runOf(stageCheckApps, map[string]string{name: text})}, indices: indices}
		if _, err := f.placed(searchapi.Status{}); runner.ClassOf(err) != want {
			t.Errorf("placed, with the record %q: %v", text, err)
		}
		if _, err := f.targets(); runner.ClassOf(err) != want {
			t.Errorf("targets, with the record %q: %v", text, err)
		}
	}
}
