package elasticsearch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// maxFact is how long the name of a fact may be: it is the key of an annotation.
const maxFact = 63

// factOf is the name of a fact about one alias. An alias may be longer than the key of an
// annotation, and may end in what a key may not.
func factOf(prefix string, alias searchapi.Name) string {
	if name := prefix + alias.String(); len(name) <= maxFact && !strings.HasSuffix(name, "-") && !strings.HasSuffix(name, "_") {
		return name
	}
	sum := sha256.Sum256([]byte(alias.String()))
	return prefix + hex.EncodeToString(sum[:20])
}

// recordedLater is how many annotations the stages record, at most: two of each index,
// and the rest for what is of all of them, MAX_FAILED documents among it.
func recordedLater(indices indexer.Indices) int { return 2*len(indices) + 34 }

// factRefused are the documents that were let pass: refusals.
const factRefused = "refused"

// refusals are the documents that a search API refused and MAX_FAILED let pass, by alias.
// Each stage that compares counts names those that an index lacks, and expects as many
// fewer.
type refusals map[string][]refusal

// refusal is one document, and why it was refused.
type refusal struct {
	ID  string `json:"id"`
	Why string `json:"why,omitempty"`
}

const (
	// mostWhy is how much is recorded of why a document was refused, and mostReasons how
	// many documents have one recorded: the ids are what later stages need.
	mostWhy, mostReasons = 120, 200
	// mostFailed is the most that MAX_FAILED may be.
	mostFailed = 1000
)

// refused are the documents that were let pass: by this run, or where there is none by
// this process.
func (a *apis) refused() (refusals, error) {
	all := refusals{}
	maps.Copy(all, a.passed)
	if a.run.Fact(factRefused) == "" {
		return all, nil
	}
	return all, a.run.Decode(factRefused, &all)
}

// letPass records which documents were let pass, with other facts, all of them or none.
func (a *apis) letPass(ctx context.Context, all refusals, facts map[string]string) error {
	if !a.run.Exists() {
		a.passed = all
		return nil
	}
	text, err := upgrade.Encode(all.shortened())
	if err != nil {
		return err
	}
	if len(all) > 0 || a.run.Fact(factRefused) != "" {
		facts = maps.Clone(facts)
		if facts == nil {
			facts = map[string]string{}
		}
		facts[factRefused] = text
	}
	if len(facts) == 0 {
		return nil
	}
	return a.run.SetAll(ctx, facts)
}

// add adds documents that failed.
func (r refusals) add(failed []indexer.Failure) {
	for _, f := range failed {
		alias := f.Alias.String()
		r.forget(alias, f.ID)
		r[alias] = append(r[alias], refusal{f.ID, f.Err.Error()})
	}
}

// forget removes documents that were put after all.
func (r refusals) forget(alias string, ids ...string) {
	r[alias] = slices.DeleteFunc(slices.Clone(r[alias]), func(one refusal) bool { return slices.Contains(ids, one.ID) })
	if len(r[alias]) == 0 {
		delete(r, alias)
	}
}

// ids are those of the documents of some aliases.
func (r refusals) ids(targets ...indexer.Target) map[string]bool {
	all := map[string]bool{}
	for _, t := range targets {
		for _, one := range r[t.Alias.String()] {
			all[one.ID] = true
		}
	}
	return all
}

// shortened is what is recorded of them.
func (r refusals) shortened() refusals {
	all, reasons := refusals{}, 0
	for _, alias := range slices.Sorted(maps.Keys(r)) {
		for _, one := range r[alias] {
			one.Why = runner.Cut(one.Why, mostWhy)
			if reasons++; reasons > mostReasons {
				one.Why = ""
			}
			all[alias] = append(all[alias], one)
		}
	}
	return all
}

// lacking are the documents that were let pass and that an index lacks. One that was put
// meanwhile, or that the data API no longer has for this index, is none.
func (a *apis) lacking(ctx context.Context, target *searchapi.Client, t indexer.Target) ([]refusal, error) {
	all, err := a.refused()
	if err != nil {
		return nil, err
	}
	var lacking []refusal
	for _, one := range all[t.Alias.String()] {
		_, found, err := target.Get(ctx, t.Name, t.DocType(), one.ID)
		if err != nil {
			return nil, err
		}
		if found {
			continue
		}
		d, err := a.data.Document(ctx, t.Kind, one.ID)
		if err != nil {
			return nil, err
		}
		if d != nil && t.Has(d) && d.IsIndexed() {
			lacking = append(lacking, one)
		}
	}
	return lacking, nil
}
