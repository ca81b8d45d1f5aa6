package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

// apis are the data API, and the search API of blue, of green, and of whoever serves.
type apis struct {
	data *dataapi.Client
	// search returns the search API at an address, with a header on each request.
	search func(base string, header http.Header) *searchapi.Client
	run    *upgrade.Run
	// liveURL is where people and scripts reach the live search API.
	liveURL string
	// scheme is of all routes; temporaryRoute is green's.
	scheme, temporaryRoute string
	// passed are the documents that this process let pass where there is no run.
	passed refusals
}

// live is the search API that people reach.
func (a *apis) live() *searchapi.Client { return a.search(a.liveURL, nil) }

// green is green on its temporary route, and once it serves alone on the live route,
// from which blue cannot answer any more.
func (a *apis) green() *searchapi.Client {
	if a.run.Reached(upgrade.BlueOff) {
		return a.live()
	}
	return a.search(a.scheme+"://"+a.temporaryRoute, nil)
}

// at is the search API of a side.
func (a *apis) at(ctx context.Context, side bluegreen.Side) (*searchapi.Client, error) {
	if !side.Blue {
		return a.green(), nil
	}
	var header http.Header
	if side.App != nil {
		app, err := side.App(ctx)
		if err != nil {
			return nil, err
		}
		header = http.Header{proof.InstanceHeader: {proof.Instance(app, 0)}}
	}
	return a.search(a.scheme+"://"+side.Route, header), nil
}

// greenIndices are the names of green's indices, which bear the date on which the run
// began. Any goroutine may ask.
type greenIndices struct {
	run     *upgrade.Run
	indices indexer.Indices
}

// who tells which app gave a status by the indices that it has; "" where it has none.
func (g *greenIndices) who(body []byte) string {
	var status struct {
		Indices map[string]json.RawMessage `json:"es_status"`
	}
	began := g.run.Started()
	if json.Unmarshal(body, &status) != nil || len(status.Indices) == 0 || began.IsZero() {
		return ""
	}
	for _, t := range g.indices.Dated(began) {
		for name := range status.Indices {
			if name == t.Name.String() || strings.HasPrefix(name, t.Name.String()+"-") {
				return upgrade.RoleGreen
			}
		}
	}
	return upgrade.RoleBlue
}

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

// requested are the names by which a search API is asked: its aliases, and the indices
// that no alias stands for. What ends in -old is the copy before.
func requested(status searchapi.Status) []string {
	var all []string
	for _, name := range status.Names() {
		if strings.HasSuffix(name, "-old") {
			continue
		}
		if index, is := status.Indices[name]; is && len(index.Aliases) > 0 {
			continue
		}
		all = append(all, name)
	}
	return all
}
