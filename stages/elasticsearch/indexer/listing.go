package indexer

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
)

// listing reads one page of a listing, counted from 1.
type listing func(ctx context.Context, page int) (dataapi.Page, error)

// listings returns the listings that together have all documents of an index.
//
// Services are listed without a status: that listing only grows at its end, so
// documents do not move between pages. Briefs are listed by status, because
// drafts must not be indexed, so they may move.
func listings(source *dataapi.Client, x Index) []listing {
	if x.Kind == dataapi.Services {
		return []listing{func(ctx context.Context, page int) (dataapi.Page, error) {
			return source.Services(ctx, x.Frameworks, page)
		}}
	}
	var all []listing
	for _, statuses := range x.Kind.IndexedStatuses() {
		all = append(all, func(ctx context.Context, page int) (dataapi.Page, error) {
			return source.Briefs(ctx, x.Frameworks, statuses, page)
		})
	}
	return all
}

// pages yields the pages of a listing from page from on, and reads each when it is
// asked for. A page that does not exist ends the listing. It is an error if a page
// begins with the same document as the page before: a listing never moves by a
// whole page, so something in between ignores the page number.
func (p Pace) pages(ctx context.Context, list listing, from int) iter.Seq2[dataapi.Page, error] {
	return func(yield func(dataapi.Page, error) bool) {
		first := ""
		for number := max(from, 1); ; number++ {
			page, err := p.page(ctx, list, number)
			if errors.Is(err, dataapi.ErrNoPage) {
				return
			}
			if err == nil && len(page.Documents) > 0 {
				if page.Documents[0].ID == first {
					err = fmt.Errorf("page %d of the listing repeats page %d: both begin with document %s", number, number-1, first)
				}
				first = page.Documents[0].ID
			}
			if !yield(page, err) || err != nil || page.Last {
				return
			}
		}
	}
}

// pagesAhead yields the same as pages, but reads one page ahead.
func (p Pace) pagesAhead(ctx context.Context, list listing, from int) iter.Seq2[dataapi.Page, error] {
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
			for page, err := range p.pages(ctx, list, from) {
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

// page reads one page, with retries: a fill cannot go on without it.
func (p Pace) page(ctx context.Context, list listing, number int) (page dataapi.Page, err error) {
	err = p.retry(ctx, func() error {
		pass, err := p.sourceGate.Enter(ctx)
		if err != nil {
			return err
		}
		page, err = list(ctx, number)
		pass.Leave(outcome(err))
		return err
	}, nil)
	return page, err
}
