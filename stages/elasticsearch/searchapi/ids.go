package searchapi

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
)

// idPasses is how often the cheap listing is read before the dear one.
const idPasses = 4

// IDs is what an index holds.
type IDs struct {
	// IDs in order, each once.
	IDs []string
	// Total is how many documents the index said it had when it was last read.
	Total int
	// Passes is how often it was listed.
	Passes int
	// Complete is false where fewer ids were seen than there are documents:
	// what is missing from IDs may be in the index all the same.
	Complete bool
}

// IDs lists the ids of all documents of an index.
//
// A search with idOnly has pages of 300 and no order, so its pages repeat some
// ids and skip others while anything writes, and between replicas. So it is
// read again, and the ids are put together, until as many are known as there
// are documents. Where that does not do, the sorted search is read, ten times as
// many pages, which stay complete under a writer.
// No search pages beyond the index's max_result_window; what is beyond stays unknown.
func (c *Client) IDs(ctx context.Context, index Name, docType DocType) (IDs, error) {
	known := map[string]bool{}
	result := IDs{}
	for result.Passes < idPasses+1 {
		query := url.Values{}
		if result.Passes < idPasses {
			query.Set("idOnly", "True")
		}
		total, err := c.collect(ctx, index, docType, query, known)
		if err != nil {
			return IDs{}, err
		}
		result.Passes++
		result.Total = total
		if len(known) >= total {
			break
		}
	}
	result.IDs = slices.Sorted(maps.Keys(known))
	result.Complete = len(known) >= result.Total
	return result, nil
}

// collect reads all pages of one search and returns the last total it saw.
func (c *Client) collect(ctx context.Context, index Name, docType DocType, query url.Values, known map[string]bool) (int, error) {
	total := 0
	for page := 1; ; page++ {
		query.Set("page", strconv.Itoa(page))
		f, err := c.search(ctx, fmt.Sprintf("list documents of %s, page %d", index, page), index, docType, query)
		if page > 1 && beyond(err) {
			return total, nil
		}
		if err != nil {
			return 0, err
		}
		total = f.Meta.Total
		for _, d := range f.Documents {
			known[d.ID] = true
		}
		if f.Links.Next == "" || len(f.Documents) == 0 {
			return total, nil
		}
	}
}

// beyond tells whether a page is past the last one, or past the window: 404
// "Page N does not exist for this search", or the engine's 400 of a type that
// differs between versions.
func beyond(err error) bool {
	e := dmapi.As(err)
	if e == nil || e.Router != "" || e.HTML() {
		return false
	}
	return e.Status == http.StatusNotFound || e.Status == http.StatusBadRequest
}
