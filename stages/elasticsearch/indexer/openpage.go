package indexer

import "github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"

// openPage is a page whose documents are not all acknowledged yet.
type openPage struct {
	number, listed, put int
	// pending is how many documents are not settled yet, plus one while the page is read.
	pending int
	// failed is true if a document was not put and will not be.
	failed bool
	// movesCursor is true if the cursor moves past the page once all its documents are put.
	movesCursor bool
}

func (f *filling) openPage(page dataapi.Page, movesCursor bool) *openPage {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.report.Pages++
	// More documents may be added to the last page, so the cursor does not move past it.
	o := &openPage{number: page.Number, listed: len(page.Documents), pending: 1, movesCursor: movesCursor && !page.Last}
	f.open = append(f.open, o)
	return o
}

func (f *filling) addPending(o *openPage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o.pending++
}

// giveUp settles a document that was not started because the pool was stopped.
func (f *filling) giveUp(o *openPage) {
	f.mu.Lock()
	o.failed = true
	f.mu.Unlock()
	f.settle(o)
}

// settle settles one document of a page, and moves the cursor past the first pages if
// all their documents are put.
func (f *filling) settle(o *openPage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o.pending--
	for len(f.open) > 0 && f.open[0].pending == 0 && !f.open[0].failed {
		done := f.open[0]
		f.open = f.open[1:]
		if done.movesCursor {
			f.report.Cursor.Page = done.number + 1
			f.report.Cursor.Listed += done.listed
			f.report.Cursor.Put += done.put
		}
	}
	f.requestCheckpoint()
}
