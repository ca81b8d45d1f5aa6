package indexer

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
)

// Counts compares the targets' indices with the source. Each is searched once
// before, which makes its count of documents true (see searchapi's Refresh).
func Counts(ctx context.Context, source *dataapi.Client, target *searchapi.Client, targets []Target) ([]Count, error) {
	status, err := target.Status(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		if status.Resolve(t.Name) == "" {
			continue
		}
		if err := target.Refresh(ctx, t.Name, t.DocType()); err != nil {
			return nil, err
		}
	}
	if status, err = target.Status(ctx); err != nil {
		return nil, err
	}
	counts := make([]Count, len(targets))
	for i, t := range targets {
		expected, err := source.Total(ctx, t.Kind, t.Frameworks)
		if err != nil {
			return nil, err
		}
		counts[i] = count(status, t)
		counts[i].Expected = expected
	}
	return counts, nil
}

func count(status searchapi.Status, t Target) Count {
	index := status.Resolve(t.Name)
	is := status.Indices[index]
	c := Count{
		Alias: t.Alias, Index: index, Documents: -1,
		MappingVersion: is.MappingVersion, Framework: is.Framework, Window: is.Window, Aliases: is.Aliases,
	}
	if is.Documents != nil {
		c.Documents = *is.Documents
	}
	return c
}
