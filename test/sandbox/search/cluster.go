package search

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// cluster is one Elasticsearch, the engine behind a service instance.
type cluster struct {
	instance string
	plan     string
	engine   engine
	clock    *clock.Clock

	mu      sync.RWMutex
	indices map[string]*index
	made    int
	known   *known
	outage  Outage
}

// engine is what differs between versions of the engine.
type engine struct {
	typeName string // in raw bodies; "" on OpenSearch
	idles    bool
	flood    int // the status of a write on a full disk
}

func (e engine) before7() bool { return e.flood == 403 }

// engineOf reads the version from the plan's name: small-ha-5.x, small-ha-7.x.
func engineOf(plan string) engine {
	if strings.Contains(plan, "opensearch") {
		return engine{"", true, 429}
	}
	for _, old := range []string{"-5", "-6"} {
		if strings.Contains(plan, old) {
			return engine{"_doc", false, 403}
		}
	}
	return engine{"_doc", true, 429}
}

// call is one request to the engine. Write reports whether it changes documents or indices.
func (c *cluster) call(ctx context.Context, write bool) error {
	if c == nil {
		return refused()
	}
	return c.broken().apply(ctx, c, write)
}

// broken is how the engine fails now; None if it works.
func (c *cluster) broken() Outage {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.outage
}

// resolve returns the indices that an expression names: a name, an alias, a list, wildcards, _all. A plain name that does
// not exist is an error; a wildcard that matches nothing is not. The caller holds mu.
func (c *cluster) resolve(expression string) ([]*index, error) {
	found := map[string]*index{}
	for part := range strings.SplitSeq(expression, ",") {
		if part == "_all" {
			part = "*"
		}
		if strings.HasPrefix(part, "_") {
			return nil, refusal(400, "invalid_index_name_exception", "Invalid index name ["+part+"], must not start with '_'.").about(part)
		}
		if strings.Contains(part, "*") {
			for name, x := range c.indices {
				if wild(part, name) || slices.ContainsFunc(slices.Collect(maps.Keys(x.aliases)), func(a string) bool { return wild(part, a) }) {
					found[name] = x
				}
			}
			continue
		}
		list := c.named(part)
		if len(list) == 0 {
			return nil, c.engine.noSuchIndex(part)
		}
		for _, x := range list {
			found[x.name] = x
		}
	}
	return sortedIndices(found), nil
}

func wild(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

func sortedIndices(m map[string]*index) []*index {
	list := make([]*index, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[name])
	}
	return list
}

// named is the index with that name, or those of the alias with that name. The caller holds mu.
func (c *cluster) named(name string) []*index {
	if x, ok := c.indices[name]; ok {
		return []*index{x}
	}
	var list []*index
	for _, x := range c.indices {
		if x.aliases[name] {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b *index) int { return strings.Compare(a.name, b.name) })
	return list
}

func (c *cluster) isAlias(name string) bool {
	if _, ok := c.indices[name]; ok {
		return false
	}
	return len(c.named(name)) > 0
}

// create makes an empty index.
func (c *cluster) create(name string, m *mapping) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason := invalidName(name); reason != "" {
		return refusal(400, "invalid_index_name_exception", "Invalid index name ["+name+"], "+reason).about(name)
	}
	if x, ok := c.indices[name]; ok {
		return refusal(400, "resource_already_exists_exception", fmt.Sprintf("index [%s/%s] already exists", name, x.uuid)).about(name)
	}
	if c.isAlias(name) {
		return refusal(400, "invalid_index_name_exception", "Invalid index name ["+name+"], already exists as alias").about(name)
	}
	if m.refused != "" {
		return refusal(400, "mapper_parsing_exception", m.refused)
	}
	c.add(name, m)
	return nil
}

// add makes an index without a call to the engine. The caller holds mu, or nothing else uses the cluster yet.
func (c *cluster) add(name string, m *mapping) *index {
	c.made++
	x := newIndex(name, uuidOf(c.instance, c.made), m, c.clock, c.engine.idles)
	x.known = c.known.under(m)
	c.indices[name] = x
	return x
}

func invalidName(name string) string {
	switch {
	case name == "." || name == "..":
		return "must not be '.' or '..'"
	case strings.ContainsAny(name, ` "*\<|,>/?`):
		return "must not contain the following characters [ , \", *, \\, <, |, ,, >, /, ?]"
	case strings.Contains(name, "#"):
		return "must not contain '#'"
	case strings.Contains(name, ":"):
		return "must not contain ':'"
	case name != "" && strings.ContainsRune("_-+", rune(name[0])):
		return "must not start with '_', '-', or '+'"
	case len(name) > 255:
		return fmt.Sprintf("index name is too long, (%d > 255)", len(name))
	case name != strings.ToLower(name):
		return "must be lowercase"
	}
	return ""
}

// setAlias removes the alias from all indices and adds it to the target, in one step. An empty target is refused while the
// request is parsed; its column is that of a body without spaces, as the client of the new build writes it.
func (c *cluster) setAlias(alias, target string) error {
	if target == "" {
		return badTarget(alias, "[add] failed to parse field [index]")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.indices) == 0 {
		return refusal(404, "index_not_found_exception", "no such index [null] and no indices exist")
	}
	if c.isAlias(target) {
		return refusal(400, "illegal_argument_exception", "The provided expression ["+target+"] matches an alias, specify the corresponding concrete indices instead.")
	}
	targets, err := c.resolve(target)
	if err != nil {
		return err
	}
	if _, ok := c.indices[alias]; ok {
		return refusal(400, "invalid_alias_name_exception", "Invalid alias name ["+alias+"], an index exists with the same name as the alias")
	}
	if reason := invalidName(alias); reason != "" && reason != "must be lowercase" {
		return refusal(400, "invalid_alias_name_exception", "Invalid alias name ["+alias+"]: "+reason)
	}
	for _, x := range c.indices {
		delete(x.aliases, alias)
	}
	for _, x := range targets {
		x.aliases[alias] = true
	}
	return nil
}

// badTarget is the engine's error for an alias's target that its parser refuses.
func badTarget(alias, problem string) *engineError {
	before := `{"actions":[{"remove":{"index":"_all","alias":` + string(flask.AppendString(nil, alias)) + `}},{"add":{"index":`
	return refusal(400, "x_content_parse_exception", fmt.Sprintf("[1:%d] %s", len(before)+1, problem))
}

// drop deletes the indices that an expression names; with _all, every index, aliased or not.
func (c *cluster) drop(expression string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isAlias(expression) {
		return refusal(400, "illegal_argument_exception", "The provided expression ["+expression+"] matches an alias, specify the corresponding concrete indices instead.")
	}
	list, err := c.resolve(expression)
	if err != nil {
		return err
	}
	for _, x := range list {
		delete(c.indices, x.name)
	}
	return nil
}

// lookup is resolve for a request that reads.
func (c *cluster) lookup(expression string) ([]*index, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.resolve(expression)
}

// single is the one index to which a request about a document goes.
func (c *cluster) single(expression string, write bool) (*index, error) {
	list, err := c.lookup(expression)
	switch {
	case err != nil:
		return nil, err
	case strings.ContainsAny(expression, "*,") || expression == "_all":
		return nil, c.engine.noSuchIndex(expression)
	case len(list) == 1:
		return list[0], nil
	case write:
		return nil, refusal(400, "illegal_argument_exception", "no write index is defined for alias ["+expression+
			"]. The write index may be explicitly disabled using is_write_index=false or the alias points to multiple indices without one being designated as a write index")
	}
	names := make([]string, 0, len(list))
	for _, x := range list {
		names = append(names, x.name)
	}
	return nil, refusal(400, "illegal_argument_exception", "Alias ["+expression+"] has more than one indices associated with it [["+
		strings.Join(names, ", ")+"]], can't execute a single index op")
}

// target is the index to which a document is written. The engine makes an index that is not there (action.auto_create_index):
// with a mapping of its own, without _meta. Through the API that happens only where the index is deleted between the two calls
// of a PUT. like is the mapping by which the document was converted.
func (c *cluster) target(name string, like *mapping) (*index, error) {
	x, err := c.single(name, true)
	var missing *engineError
	if !errors.As(err, &missing) || missing.status != http.StatusNotFound {
		return x, err
	}
	own := *like
	own.name, own.version, own.framework, own.docType, own.window = "", "", "", "", 10000
	if err := c.create(name, &own); err != nil {
		return nil, err
	}
	return c.single(name, true)
}

// aliasesOf are an index's aliases. They are sorted here, and unordered in reality.
func (c *cluster) aliasesOf(x *index) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return append([]string{}, slices.Sorted(maps.Keys(x.aliases))...)
}

// hangs is how long a client waits for an engine that does not answer (elasticsearch-py's default).
const hangs = 10 * time.Second
