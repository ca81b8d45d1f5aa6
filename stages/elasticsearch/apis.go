package elasticsearch

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
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
