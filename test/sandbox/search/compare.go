package search

import (
	"slices"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// Difference is the difference between an index and its source. The lists are sorted and complete.
type Difference struct {
	Index   string   `json:"index"`   // its name; "" if no index has the alias
	Docs    int      `json:"docs"`    // in the index
	Source  int      `json:"source"`  // in the source
	Missing []string `json:"missing"` // in the source, not in the index
	Extra   []string `json:"extra"`   // in the index, not in the source
	Stale   []string `json:"stale"`   // in both, with different contents
}

// Compare compares the index behind an alias of an instance's cluster (or of that name) with its source, document by
// document, refreshed or not. Fields that are not in the mapping are ignored.
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

// ids are the ids of all documents, unordered.
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
