package searchapi

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// unsortedPasses is how often the unsorted search is read before the sorted one,
// which takes ten times as many requests.
const unsortedPasses = 4

// IDs is the ids of the documents of an index.
type IDs struct {
	// IDs are sorted, each once.
	IDs []string
	// Total is how many documents the index had, by its own count, in the last pass.
	Total int
	// Passes is how often the index was listed.
	Passes int
	// Complete is false if fewer ids were found than there are documents: an id
	// that is not in IDs may still be in the index.
	Complete bool
}

// IDs lists the ids of all documents of an index.
//
// A search with idOnly has pages of 300 ids in no order, so its pages repeat some
// ids and skip others, between replicas and while anything writes. IDs therefore
// repeats the search and merges the ids until there are as many as documents. If
// that is not enough, it reads the sorted search, whose pages of 30 are complete
// even while something writes.
// No search pages beyond the index's max_result_window: ids beyond it are not found.
func (c *Client) IDs(ctx context.Context, index Name, docType DocType) (IDs, error) {
	known := map[string]bool{}
	result := IDs{}
	for result.Passes <= unsortedPasses {
		query := url.Values{}
		if result.Passes < unsortedPasses {
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

// collect adds the ids on all pages of one search to known and returns the total
// on the last page.
func (c *Client) collect(ctx context.Context, index Name, docType DocType, query url.Values, known map[string]bool) (int, error) {
	total := 0
	for page := 1; ; page++ {
		query.Set("page", strconv.Itoa(page))
		results, err := c.search(ctx, fmt.Sprintf("list documents of %s, page %d", index, page), index, docType, query)
		if page > 1 && noMorePages(err) {
			return total, nil
		}
		if err != nil {
			return 0, err
		}
		total = results.Meta.Total
		for _, d := range results.Documents {
			known[d.ID] = true
		}
		if results.Links.Next == "" || len(results.Documents) == 0 {
			return total, nil
		}
	}
}
