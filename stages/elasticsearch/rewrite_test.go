package elasticsearch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// upTo are the stages up to one, as complete.
func upTo(stage string) map[string]runner.Completion {
	complete := map[string]runner.Completion{}
	for _, name := range order()[:position(stage)+1] {
		complete[name] = runner.Completion{Verdict: runner.Done}
	}
	return complete
}

func without(complete map[string]runner.Completion, stage string) map[string]runner.Completion {
	delete(complete, stage)
	return complete
}

func TestWhenAReindexActs(t *testing.T) {
	const between = "run r is between the switch and its end, and "
	before := runner.Admission{Act: true, Why: "before the switch"}
	for name, c := range map[string]struct {
		complete map[string]runner.Completion
		want     runner.Admission
	}{
		"the run has just begun":          {upTo(stageCheckRelease), runner.Admission{Act: true}},
		"green is being filled":           {upTo(stageCheckApps), runner.Admission{Act: true}},
		"green is filled":                 {upTo(stageBuildIndices), runner.Admission{Act: true}},
		"green is compared":               {upTo(stageVerifyIndices), before},
		"both serve":                      {upTo(stageMapLiveRoute), runner.Admission{Why: between + "10. watch-traffic is not complete"}},
		"green serves alone":              {upTo(stageUnmapOldApp), runner.Admission{Why: between + "12. unmap-temporary-route is not complete"}},
		"blue is stopped":                 {upTo(stageRemoveOldApp), runner.Admission{Why: between + "18. await-release is not complete"}},
		"the release is over":             {upTo(stageAwaitRelease), runner.Admission{Act: true, Completes: true}},
		"it has run before":               {upTo(stageReindex), runner.Admission{Act: true, Completes: true}},
		"an early stage was opened again": {without(upTo(stageAwaitRelease), stageGenerateManifest), runner.Admission{Why: between + "3. generate-manifest is not complete"}},
		"the comparison alone is not complete": {without(upTo(stageMapLiveRoute), stageVerifyIndices), runner.Admission{
			Why: between + "8. verify-indices is not complete",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			earlier := Runbook(nil).Steps[:position(stageReindex)]
			if diff := cmp.Diff(c.want, admitReindex(&runner.Record{Run: "r", Complete: c.complete}, earlier)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if diff := cmp.Diff(runner.Admission{Act: true}, admitReindex(nil, Runbook(nil).Steps)); diff != "" {
		t.Errorf("without a run: %s", diff)
	}
}

// MAX_REMOVALS has -1 for the indexer's own limit, and 0 for none; the indexer has 0 and
// a negative number.
func TestMAX_REMOVALSForTheIndexer(t *testing.T) {
	for setting, want := range map[int]int{-1: 0, 0: -1, 1: 1, 500: 500} {
		if got := removals(setting); got != want {
			t.Errorf("MAX_REMOVALS=%d is %d, not %d", setting, got, want)
		}
	}
}
