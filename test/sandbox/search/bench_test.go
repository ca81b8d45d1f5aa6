package search

import (
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

func BenchmarkConvert(b *testing.B) {
	s := data.New(data.Options{Seed: 1, Services: 1000}).PublishedServices("g-cloud-12")
	m := mappings(NewBuild())["services-g-cloud-12"]
	var docs [][]byte
	for i := range s.Len() {
		docs = append(docs, s.Append(nil, i))
	}
	b.Run("valid", func(b *testing.B) {
		for i := range b.N {
			valid(docs[i%len(docs)])
		}
	})
	b.Run("members", func(b *testing.B) {
		for i := range b.N {
			flask.Members(nil, docs[i%len(docs)])
		}
	})
	b.Run("convert", func(b *testing.B) {
		for i := range b.N {
			if _, err := m.convert("x", flask.Members(nil, docs[i%len(docs)])); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("generate", func(b *testing.B) {
		buf := make([]byte, 0, 20000)
		for i := range b.N {
			s.Append(buf, i%s.Len())
		}
	})
}
