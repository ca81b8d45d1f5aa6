package indexer

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
)

// Count is the number of documents in one index, and how many it should have.
type Count struct {
	Alias searchapi.Name
	// Index is the name of the index; "" if there is none.
	Index string
	// Documents is the index's own count; -1 if Elasticsearch did not report it.
	Documents int
	// Expected is the data API's count of the documents that belong in the index.
	Expected int
	// The others are as in searchapi.IndexStatus.
	MappingVersion, Framework string
	Window                    int
	Aliases                   []string
}

// Counts compares the targets' indices with the data API. It refreshes each index
// first, so that its count is current (see searchapi.Client.Refresh).
func Counts(ctx context.Context, source *dataapi.Client, target *searchapi.Client, targets []Target) ([]Count, error) {
	if err := refresh(ctx, target, targets); err != nil {
		return nil, err
	}
	status, err := target.Status(ctx)
	if err != nil {
		return nil, err
	}
	counts := make([]Count, len(targets))
	for i, t := range targets {
		counts[i] = count(status, t)
		if counts[i].Expected, err = source.Total(ctx, t.Kind, t.Frameworks); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// refresh refreshes the targets' indices, if they exist.
func refresh(ctx context.Context, target *searchapi.Client, targets []Target) error {
	status, err := target.Status(ctx)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if status.Resolve(t.Name) == "" {
			continue
		}
		if err := target.Refresh(ctx, t.Name, t.DocType()); err != nil {
			return err
		}
	}
	return nil
}

func count(status searchapi.Status, t Target) Count {
	name := status.Resolve(t.Name)
	index := status.Indices[name]
	c := Count{
		Alias: t.Alias, Index: name, Documents: -1,
		MappingVersion: index.MappingVersion, Framework: index.Framework, Window: index.Window, Aliases: index.Aliases,
	}
	if index.Documents != nil {
		c.Documents = *index.Documents
	}
	return c
}
