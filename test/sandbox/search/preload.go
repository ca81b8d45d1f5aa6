package search

import (
	"fmt"
	"sync"

	"github.com/digitalmarketplace/cutover/test/sandbox/data"
)

// Preload fills an instance's cluster like a live one: for each of the two aliases there is a dated index with every
// document of the data API, and an older index with the alias "-old". In the newest index of services, drift documents are
// missing, as some always are. Documents are made when they are needed.
func Preload(c *Clusters, instance string, api *data.API, drift int) error {
	return PreloadBuild(c, instance, api, drift, NewBuild())
}

// PreloadBuild is Preload with indices that another build of the search API has made.
func PreloadBuild(c *Clusters, instance string, api *data.API, drift int, b Build) error {
	k := c.of(instance)
	if k == nil {
		return fmt.Errorf("preload %s: no such instance", instance)
	}
	all := mappings(b)
	services, briefs := api.PublishedServices("g-cloud-12"), api.PublishedBriefs()
	c.known.learn(services, briefs)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range []struct {
		alias, mapping string
		source         *data.Frozen
		drift          int
	}{
		{"g-cloud-12", "services-g-cloud-12", services, drift},
		{"briefs-digital-outcomes-and-specialists", "briefs-digital-outcomes-and-specialists-2", briefs, 0},
	} {
		m := all[p.mapping]
		o := c.known.under(m)
		x := k.add(p.alias+"-2020-10-01", m)
		x.fill(o, spread(p.source.Len(), p.drift))
		x.aliases[p.alias] = true
		old := k.add(p.alias+"-2020-09-01", m)
		old.fill(o, spread(p.source.Len(), p.source.Len()/40))
		old.aliases[p.alias+"-old"] = true
	}
	return nil
}

// known are the data API's documents as they were at the start. Most documents that are written are the same.
type known struct {
	mu               sync.Mutex
	services, briefs *data.Frozen
	made             map[string]*originals // by mapping and its version
}

func (k *known) learn(services, briefs *data.Frozen) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.services, k.briefs, k.made = services, briefs, nil
}

// under are the documents of a mapping's kind, under the mapping; nil if none are known.
func (k *known) under(m *mapping) *originals {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.services
	if m.docType == "briefs" {
		all = k.briefs
	}
	if all == nil {
		return nil
	}
	name := m.name + " " + m.version
	if k.made[name] == nil {
		if k.made == nil {
			k.made = map[string]*originals{}
		}
		k.made[name] = &originals{source: all.Only(m.reads()), mapping: m}
	}
	return k.made[name]
}

// spread are n of total positions, far from each other.
func spread(total, n int) map[int]bool {
	set := map[int]bool{}
	for i := range min(n, total) {
		set[(2*i+1)*total/(2*n)] = true
	}
	return set
}
