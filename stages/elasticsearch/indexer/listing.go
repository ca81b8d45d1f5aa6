package indexer

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
)

// lister reads one page of a listing, counted from 1.
type lister func(ctx context.Context, page int) (dataapi.Page, error)

// listers are the listings whose documents, together, are those of a target.
//
// Services are listed without a status: that listing only ever grows at its
// end, so pages do not move while they are read. Briefs are listed by status,
// as drafts are nobody's business, and may move.
func listers(source *dataapi.Client, x Index) []lister {
	if x.Kind == dataapi.Services {
		return []lister{func(ctx context.Context, page int) (dataapi.Page, error) {
			return source.Services(ctx, x.Frameworks, page)
		}}
	}
	var all []lister
	for _, statuses := range x.Kind.IndexedStatuses() {
		all = append(all, func(ctx context.Context, page int) (dataapi.Page, error) {
			return source.Briefs(ctx, x.Frameworks, statuses, page)
		})
	}
	return all
}

// sequence yields the pages of a listing from a page on, each read when it is asked for.
// A page that the listing does not have ends it. One that begins as the one before
// did is not read on from: a listing that moves does not move by a whole page.
func (p Pace) sequence(ctx context.Context, list lister, from int) iter.Seq2[dataapi.Page, error] {
	return func(yield func(dataapi.Page, error) bool) {
		before := ""
		for number := max(from, 1); ; number++ {
			page, err := p.page(ctx, list, number)
			if errors.Is(err, dataapi.ErrNoPage) {
				return
			}
			if err == nil && len(page.Documents) > 0 {
				if page.Documents[0].ID == before {
					err = fmt.Errorf("page %d of the listing is page %d again: it begins with document %s", number, number-1, before)
				}
				before = page.Documents[0].ID
			}
			if !yield(page, err) || err != nil || page.Last {
				return
			}
		}
	}
}

// ahead yields the same, reading one page further while one is in use, and
// never more than one.
func (p Pace) ahead(ctx context.Context, list lister, from int) iter.Seq2[dataapi.Page, error] {
	type result struct {
		page dataapi.Page
		err  error
	}
	return func(yield func(dataapi.Page, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		results := make(chan result)
		go func() {
			defer close(results)
			for page, err := range p.sequence(ctx, list, from) {
				select {
				case results <- result{page, err}:
				case <-ctx.Done():
					return
				}
			}
		}()
		for r := range results {
			if !yield(r.page, r.err) {
				return
			}
		}
	}
}

// page reads one page, patiently: the whole fill depends on each.
func (p Pace) page(ctx context.Context, list lister, number int) (page dataapi.Page, err error) {
	err = p.again(ctx, func() error {
		pass, err := p.Asked.Enter(ctx)
		if err != nil {
			return err
		}
		page, err = list(ctx, number)
		pass.Leave(outcome(err))
		return err
	}, nil)
	return page, err
}
