package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// mappings checks what INDICES names against the two APIs.
type mappings struct {
	data    *dataapi.Client
	green   func() *searchapi.Client
	pair    *upgrade.Pair
	indices indexer.Indices
}

// ofGreen checks that green has every mapping that INDICES names.
func (m *mappings) ofGreen(ctx context.Context, o *runner.Observation) error {
	if _, err := m.pair.NeedGreen(ctx); err != nil {
		return err
	}
	known, err := m.green().Mappings(ctx)
	if err != nil {
		return err
	}
	o.Say("%s", runner.Count(len(known), "mapping", "mappings"))
	if err := m.missing("green", known); err != nil {
		return runner.Final(fmt.Errorf("%w; the run has INDICES on record: roll back, and begin again with another", err))
	}
	return nil
}

// missing are the mappings that INDICES names and an app does not have.
func (m *mappings) missing(who string, known []string) error {
	var all []error
	for _, index := range m.indices {
		if !slices.Contains(known, index.Mapping) {
			all = append(all, runner.Misconfigure("%s has no mapping %q (INDICES), but %s", who, index.Mapping, strings.Join(known, ", ")))
		}
	}
	return errors.Join(all...)
}

// listed checks that the data API lists something for every index.
func (m *mappings) listed(ctx context.Context, o *runner.Observation) error {
	var parts []string
	for _, index := range m.indices {
		total, err := m.data.Total(ctx, index.Kind, index.Frameworks)
		if err != nil {
			return err
		}
		if total == 0 {
			return runner.Misconfigure("the data API lists no %s of %v (INDICES): a misspelt framework looks like an empty one", index.Kind, index.Frameworks)
		}
		o.Set(index.Alias.String(), total)
		parts = append(parts, fmt.Sprintf("%s %s", index.Alias, runner.Number(total)))
	}
	o.Say("%s", strings.Join(parts, ", "))
	return nil
}
