package indexer

import (
	"context"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
)

// Overlap is how long before a time events are read again.
const Overlap = 5 * time.Minute

// Fill brings all documents of a target's frameworks into its index.
func Fill(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, o FillOptions) (FillReport, error) {
	panic("not built")
}

// CatchUp brings what was changed since a time into the targets.
func CatchUp(ctx context.Context, source *dataapi.Client, target *searchapi.Client, o CatchUpOptions) (CatchUpReport, error) {
	panic("not built")
}

// Pending counts the objects of the targets that have audit events since a time.
func Pending(ctx context.Context, source *dataapi.Client, since time.Time, targets []Target) (int, error) {
	panic("not built")
}

// Reindex brings all documents into an index that is live.
func Reindex(ctx context.Context, source *dataapi.Client, target *searchapi.Client, o ReindexOptions) (ReindexReport, error) {
	panic("not built")
}

// Counts compares the targets' indices with the source.
func Counts(ctx context.Context, source *dataapi.Client, target *searchapi.Client, targets []Target) ([]Count, error) {
	panic("not built")
}
