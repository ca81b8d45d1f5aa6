package data

import (
	"maps"
	"strconv"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// Frozen are the documents from which an index is built, as they were at one time. They are generated, not stored, and
// without later edits. It is safe for use by several goroutines.
type Frozen struct {
	gen      *generator
	world    *world
	services []service
	briefs   []brief
	at       time.Time
	index    map[string]int32
}

// PublishedServices are the published services of a framework, as an index of them should hold them now.
func (a *API) PublishedServices(slug string) *Frozen {
	a.mu.RLock()
	defer a.mu.RUnlock()
	f := &Frozen{gen: a.gen, world: a.frozenWorld(), index: make(map[string]int32, len(a.services))}
	for _, s := range a.services {
		if s.status == published && a.world.frameworks[s.framework].slug == slug {
			f.index[s.name()] = int32(len(f.services))
			f.services = append(f.services, s)
		}
	}
	return f
}

// PublishedBriefs are all briefs except drafts, as an index of them should hold them now.
func (a *API) PublishedBriefs() *Frozen {
	a.mu.RLock()
	defer a.mu.RUnlock()
	f := &Frozen{gen: a.gen, world: a.frozenWorld(), at: a.opts.Clock.Now(), index: make(map[string]int32, len(a.briefs))}
	for _, b := range a.briefs {
		if !b.published.IsZero() {
			f.index[strconv.Itoa(b.id)] = int32(len(f.briefs))
			f.briefs = append(f.briefs, b)
		}
	}
	return f
}

func (a *API) frozenWorld() *world {
	w := a.view("http://localhost")
	w.renamed = maps.Clone(w.renamed)
	return w
}

// Only returns the same documents with only these keys, which are faster to generate.
func (f *Frozen) Only(names []string) *Frozen {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	less := *f
	less.gen = f.gen.only(set)
	return &less
}

// Len is how many documents there are.
func (f *Frozen) Len() int { return len(f.services) + len(f.briefs) }

// ID is the id of the i-th document.
func (f *Frozen) ID(i int) string {
	if f.briefs != nil {
		return strconv.Itoa(f.briefs[i].id)
	}
	return f.services[i].name()
}

// Find is the position of the document with that id.
func (f *Frozen) Find(id string) (int, bool) {
	i, ok := f.index[id]
	return int(i), ok
}

// Append appends the i-th document to b.
func (f *Frozen) Append(b []byte, i int) []byte {
	if f.briefs != nil {
		return flask.Append(b, f.briefs[i].document(f.world, f.at))
	}
	return f.gen.append(b, &f.services[i], f.world)
}
