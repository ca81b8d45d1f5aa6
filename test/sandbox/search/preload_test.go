package search

import (
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
)

// A document that is written as the data API has it is not stored, and reads the same as one that is.
func TestDocumentsThatTheDataAPIHasAreNotStored(t *testing.T) {
	api := data.New(data.Options{Seed: 1, Services: 3, Clock: clock.New(0)})
	k, m := &known{}, mappings(NewBuild())["services-g-cloud-12"]
	k.learn(api.PublishedServices("g-cloud-12"), api.PublishedBriefs())
	o := k.under(m)
	d, err := o.convert(1)
	if err != nil {
		t.Fatal(err)
	}
	text := string(d.source)
	o.lighten(o.source.ID(2), d)
	want(t, "another's document", d.source != nil, true)
	o.lighten(o.source.ID(1), d)
	want(t, "its own", d.source == nil, true)
	want(t, "its text", string(d.text()), text)
	want(t, "its size", d.size, len(text))
}
