package search

// ClusterSnapshot is the state of one cluster, without what changes with time alone.
type ClusterSnapshot struct {
	Plan    string          `json:"plan"`
	Indices []IndexSnapshot `json:"indices"`
}

// IndexSnapshot is one index of a cluster. Docs are all documents, refreshed or not; Digest is over ids and contents.
type IndexSnapshot struct {
	Name           string   `json:"name"`
	Mapping        string   `json:"mapping"`
	MappingVersion string   `json:"mapping_version"`
	Docs           int      `json:"docs"`
	Digest         string   `json:"digest"`
	Aliases        []string `json:"aliases"`
}

// Snapshot is the state of every cluster by instance. The first snapshot of a preloaded cluster is slow: its
// documents must be made once.
func (c *Clusters) Snapshot() map[string]ClusterSnapshot {
	all := map[string]ClusterSnapshot{}
	for _, instance := range c.Instances() {
		k := c.of(instance)
		if k == nil {
			continue
		}
		k.mu.RLock()
		list := sortedIndices(k.indices)
		k.mu.RUnlock()
		s := ClusterSnapshot{Plan: k.plan, Indices: []IndexSnapshot{}}
		for _, x := range list {
			digest := x.digest()
			x.mu.Lock()
			docs := x.count
			x.mu.Unlock()
			s.Indices = append(s.Indices, IndexSnapshot{x.name, x.mapping.name, x.mapping.version, docs, digest, k.aliasesOf(x)})
		}
		all[instance] = s
	}
	return all
}
