package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// What is shared by the runbooks speaks to the ten stages of nothing that they lack, and serves readers all the time.
func TestTenStagesForAndBackLoseNoRequest(t *testing.T) {
	t.Parallel()
	w := startFor(t, tenStages(t), few())
	// So that no quantile of the witness is 0 ms.
	w.fault(faults.Fault{Place: "router", Kind: faults.Delay, DelayMS: 15, UserAgent: "^cutover/"})
	w.startReaders(100)
	var all []*process
	for _, args := range [][]string{
		{"plan"},
		{"status"},
		{"run", "--to", "check-apps"},
		{"switch"},
		{"status"},
		{"run", "--to", "remove-old-app"},
		{"status"},
		{"plan"},
		{"rollback", "--dry-run"},
		{"rollback"},
		{"status"},
	} {
		all = append(all, w.run(0, args...))
	}
	if tally := w.stopReaders(); tally.Sent == 0 || tally.Failed > 0 {
		t.Errorf("the readers: %+v", tally)
	}
	lacking := regexp.MustCompile(`(?i)catch|caught|(blue|green|it)'?s service|documents|indices\b|cutover elasticsearch`)
	watched := regexp.MustCompile(`the live address answered all the time: 0 of .* p50/p99 during [1-9].* p50/p99 after [1-9]`)
	verdicts := 0
	for _, p := range all {
		for line := range strings.Lines(p.Stdout() + p.Stderr()) {
			if lacking.MatchString(line) {
				t.Errorf("%s says %s", p.args[0], line)
			}
			if watched.MatchString(line) {
				verdicts++
			}
		}
	}
	if verdicts != 2 {
		t.Errorf("the witness gave %d verdicts, want one of the switch and one of the rollback:\n%s", verdicts, all[9].Stderr())
	}
}

func TestAFailedRequestRevertsTheSwitchOfTheTenStages(t *testing.T) {
	t.Parallel()
	w := startFor(t, tenStages(t), few())
	w.run(0, "run", "--to", "check-apps")
	p := w.begin(map[string]string{"DRAIN": "5s", "WITNESS_BASELINE": "300ms"}, "switch")
	w.eventually("both apps are on the live route", func() bool { return w.unmapped() > 0 || p.Ended() })
	w.breach()
	p.wantExit(1)
	p.wantLog("the live address failed at", "traffic      blue", "next         tenstages switch")
	w.run(0, "switch")
}

func TestTheTenStagesMakeAgainWhatOthersUndid(t *testing.T) {
	t.Parallel()
	w := startFor(t, tenStages(t), few())
	w.run(0, "run", "--to", "push-app")
	w.deleteApp(w.app("search-api-new"))
	w.run(1, "check-apps").wantLog("3. push-app is complete: somebody has undone it", "next         tenstages push-app")
	w.run(0, "run", "--to", "check-apps")
	w.run(0, "switch")
}
