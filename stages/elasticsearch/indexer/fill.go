package indexer

import (
	"cmp"
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
)

// Fill puts all documents of a target's frameworks into its index, which is new and
// serves no traffic. It deletes nothing.
//
// Changes made after their page was read are missing from the index until a CatchUp
// from before the fill began.
//
// A document counts as put once it is acknowledged. One that fails is listed in the
// report, and the fill continues until more than MaxFailed have failed. The cursor never
// passes a document that is not acknowledged, so a fill that continues from it misses
// nothing. It may put a few documents twice, which does no harm.
//
// When the context is done, no further document is started; the requests in flight
// get the pace's Grace; the cursor is recorded; and the error has the class
// Interrupted.
//
// At the end the number of distinct documents that were listed must be the listing's
// own total. If it is not, the listing changed while it was read and is read again;
// documents that have not changed are not put again.
func Fill(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, o FillOptions) (FillReport, error) {
	if o.From.Done {
		return FillReport{Before: o.From.Put, Distinct: o.From.Listed, Total: o.From.Listed, Cursor: o.From}, nil
	}
	if t.Kind == dataapi.Briefs {
		// Briefs may have moved to other pages since; as they are few, start again.
		o.From = Cursor{}
	}
	f := newFilling(ctx, source, target, t, o)
	f.readAhead = true
	defer f.pool.close()
	stopCheckpoints := f.startCheckpoints()
	err := f.run()
	err = cmp.Or(err, stopCheckpoints())
	if err != nil {
		return f.report, fmt.Errorf("fill %s: %w", t.Name, withUnanswered(err, f.report.Unanswered))
	}
	return f.report, nil
}
