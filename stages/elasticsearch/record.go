package elasticsearch

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
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
// and room for ten long facts and as many short ones.
func recordedLater(indices indexer.Indices) int { return 2*len(indices) + 30 }
