package elasticsearch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// rewriter puts all documents of a live alias again.
type rewriter struct {
	*apis
	pace *pacer
	// maxFailed and maxRemovals are MAX_FAILED and MAX_REMOVALS; stage is STAGE, for
	// commands to type.
	maxFailed, maxRemovals int
	stage                  string
}

// task rewrites one alias, and reports up to when its catch-up came.
func (r *rewriter) task(t indexer.Target, caughtUp func(time.Time)) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("put the documents of %s again", t.Alias), Effect: runner.Changes,
		ByHand: fmt.Sprintf("scripts/index-to-search-service.py %s %s --index=%s --frameworks=%s", t.Kind, r.stage, t.Alias, strings.Join(t.Frameworks, ",")),
		Do: func(ctx context.Context, o *runner.Observation) error {
			pace, stop, err := r.pace.of(ctx, r.live(), true)
			if err != nil {
				return err
			}
			defer stop()
			passed, err := r.refused()
			if err != nil {
				return err
			}
			report, err := indexer.Reindex(ctx, r.data, r.live(), indexer.ReindexOptions{
				Pace: pace, Target: t, MaxFailed: r.maxFailed, Refused: passed.ids(t), MaxRemovals: removals(r.maxRemovals), Progress: o.Progress,
			})
			observeFill(o, report.FillReport)
			o.Set("removed", len(report.Removed))
			o.Say("%s put, %d removed, %d failed, %.0f/s; then %s caught up",
				runner.Number(report.Documents), len(report.Removed), len(report.Failed), report.Rate(), runner.Count(report.CatchUp.Events, "event", "events"))
			if len(report.Gone) > len(report.Removed) {
				o.Detail("gone from the source, and not removed:\n" + strings.Join(report.Gone, "\n"))
			}
			caughtUp(report.CatchUp.Cursor)
			if err != nil {
				return err
			}
			if r.run.Reached(upgrade.BlueOff) {
				delete(passed, t.Alias.String()) // All documents of green were tried again.
			}
			passed.add(report.Failed)
			return r.letPass(ctx, passed, nil)
		},
	}
}

// removals is MAX_REMOVALS as the indexer takes it, whose default is 0.
func removals(setting int) int {
	switch {
	case setting < 0:
		return 0
	case setting == 0:
		return -1
	}
	return setting
}

// admitReindex decides from the record whether a reindex acts, and whether it completes
// its step: it acts before the switch, and after the release; in between both apps may
// serve, or a rollback may need blue.
func admitReindex(record *runner.Record, earlier []runner.Step) runner.Admission {
	if record == nil {
		return runner.Admission{Act: true}
	}
	missing, switching, verified := "", false, false
	for _, step := range earlier {
		_, is := record.Complete[step.Name]
		if !is && missing == "" {
			missing = step.Called()
		}
		verified = verified || is && step.Name == stageVerifyIndices
		switching = switching || is && !beforeSwitch(step.Name)
	}
	switch {
	case missing == "":
		return runner.Admission{Act: true, Completes: true}
	case !switching && !verified:
		return runner.Admission{Act: true}
	case !switching:
		return runner.Admission{Act: true, Why: "before the switch"}
	}
	return runner.Admission{Why: fmt.Sprintf("run %s is between the switch and its end, and %s is not complete", record.Run, missing)}
}
