package search

import (
	"slices"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// Difference is how far an index is from what it ought to hold. The lists are in order, and complete.
type Difference struct {
	Index   string   `json:"index"`   // its name; "" if no index has the alias
	Docs    int      `json:"docs"`    // in the index
	Source  int      `json:"source"`  // that ought to be in it
	Missing []string `json:"missing"` // ought to be in it, and are not
	Extra   []string `json:"extra"`   // are in it, and ought not to be
	Stale   []string `json:"stale"`   // are in it with other contents than their source has now
}

// Compare compares the index behind an alias of an instance's cluster (or of that name) with its source, document by
// document, refreshed or not; only fields that the mapping names count.
func (c *Clusters) Compare(instance, alias string, source Source) Difference {
	d := Difference{Source: source.Len(), Missing: []string{}, Extra: []string{}, Stale: []string{}}
	x := c.behind(instance, alias)
	for i := range source.Len() {
		id := source.ID(i)
		if x == nil {
			d.Missing = append(d.Missing, id)
			continue
		}
		want, err := x.mapping.convert(id, flask.Members(nil, source.Append(nil, i)))
		x.mu.Lock()
		got := x.get(id)
		x.mu.Unlock()
		switch {
		case got == nil:
			d.Missing = append(d.Missing, id)
		case err != nil || got.digest != want.digest:
			d.Stale = append(d.Stale, id)
		}
	}
	if x != nil {
		d.Index = x.name
		ids := x.ids()
		d.Docs = len(ids)
		for _, id := range ids {
			if _, ok := source.Find(id); !ok {
				d.Extra = append(d.Extra, id)
			}
		}
	}
	slices.Sort(d.Missing)
	slices.Sort(d.Extra)
	slices.Sort(d.Stale)
	return d
}

func (c *Clusters) behind(instance, alias string) *index {
	k := c.of(instance)
	if k == nil {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	for name, x := range k.indices {
		if name == alias || x.aliases[alias] {
			return x
		}
	}
	return nil
}

// ids are those of all documents, in no order.
func (x *index) ids() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	ids := make([]string, 0, x.count)
	for id, d := range x.written {
		if d != nil {
			ids = append(ids, id)
		}
	}
	if x.source == nil {
		return ids
	}
	for i := range x.source.Len() {
		id := x.source.ID(i)
		if _, touched := x.written[id]; !touched && !x.excluded[i] {
			ids = append(ids, id)
		}
	}
	return ids
}
