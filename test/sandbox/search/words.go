package search

import (
	"html"
	"slices"
	"strings"
	"unicode"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// term is one word or phrase of a query in simple_query_string's syntax, as far as a plain scan can find it: all
// words and "a phrase" must occur, -word must not, and one of a|b must.
type term struct {
	any    [][]string // each a phrase
	hashes [][]uint32 // of their words
	not    bool
}

func parseWords(s string) []term {
	list := []term{}
	either := false
	for len(s) > 0 {
		switch c := s[0]; {
		case c == ' ' || c == '+':
			s = s[1:]
			continue
		case c == '|':
			either, s = true, s[1:]
			continue
		}
		not := false
		if s[0] == '-' && len(s) > 1 {
			not, s = true, s[1:]
		}
		var text string
		if s[0] == '"' {
			text, s, _ = strings.Cut(s[1:], `"`)
		} else if i := strings.IndexAny(s, " +|"); i >= 0 {
			text, s = s[:i], s[i:]
		} else {
			text, s = s, ""
		}
		phrase := tokens(text)
		if len(phrase) == 0 {
			continue
		}
		if either && len(list) > 0 {
			last := &list[len(list)-1]
			last.any = append(last.any, phrase)
			last.hashes = append(last.hashes, hashesOf(phrase))
		} else {
			list = append(list, term{[][]string{phrase}, [][]uint32{hashesOf(phrase)}, not})
		}
		either = false
	}
	return list
}

// tokens are the stems of a text's words: lower case, without a possessive or a plural's s.
func tokens(s string) []string {
	list := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’' && r != '_'
	})
	for i, w := range list {
		list[i] = stem(w)
	}
	return list
}

func stem(w string) string {
	w = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "’s")
	if len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") {
		w = w[:len(w)-1]
	}
	return w
}

// mayMatch reports whether a document matches the query, without the order of words in phrases.
func (q *query) mayMatch(f *facts) bool {
	for _, filter := range q.filters {
		if !slices.ContainsFunc(filter.anyOf, func(h uint32) bool { return has(f.values, h) }) {
			return false
		}
	}
	for _, t := range q.words {
		found := slices.ContainsFunc(t.hashes, f.hasAll)
		switch {
		case !t.not && !found, t.not && found && !q.phrases:
			return false
		}
	}
	return q.words == nil || len(q.words) > 0
}

func hashesOf(phrase []string) []uint32 {
	hashes := make([]uint32, len(phrase))
	for i, w := range phrase {
		hashes[i] = hashOf(w)
	}
	return hashes
}

func (f *facts) hasAll(phrase []uint32) bool {
	for _, w := range phrase {
		if !has(f.tokens, w) {
			return false
		}
	}
	return true
}

// score is how many of the words occur, which is an order that does not depend on the index.
func (q *query) score(f *facts) int {
	n := 0
	for _, t := range q.words {
		for _, phrase := range t.hashes {
			if !t.not && f.hasAll(phrase) {
				n++
			}
		}
	}
	return n
}

// phrasesMatch reads the document.
func (q *query) phrasesMatch(d *document) bool {
	var texts [][]string
	for _, m := range flask.Members(nil, d.text()) {
		if q.mapping.fields[q.mapping.byName[m.Key]].text {
			for e := range flask.Elements(m.Value) {
				if flask.Kind(e) == '"' {
					texts = append(texts, tokens(flask.Text(e)))
				} else {
					texts = append(texts, []string{string(e)})
				}
			}
		}
	}
	for _, t := range q.words {
		found := slices.ContainsFunc(t.any, func(phrase []string) bool {
			return slices.ContainsFunc(texts, func(text []string) bool { return occurrences(text, phrase) > 0 })
		})
		if found == t.not {
			return false
		}
	}
	return true
}

func occurrences(text, phrase []string) int {
	n := 0
	for i := 0; i+len(phrase) <= len(text); i++ {
		if slices.Equal(text[i:i+len(phrase)], phrase) {
			n++
		}
	}
	return n
}

// result is a document in a search's answer: the fields that the mapping has under dmtext, without prefix, and a highlight
// of each of them, escaped, with marks around the words that matched (response_formatters.py: convert_es_results).
func (m *mapping) result(d *document, words []term) flask.Raw {
	fields := map[string]flask.Raw{}
	highlight := map[string][]string{}
	for _, member := range flask.Members(nil, d.text()) {
		if !m.fields[m.byName[member.Key]].text {
			continue
		}
		fields[member.Key] = member.Value
		var lines []string
		for e := range flask.Elements(member.Value) {
			if flask.Kind(e) == '"' {
				lines = append(lines, mark(flask.Text(e), words))
			}
		}
		if len(lines) > 0 {
			highlight[member.Key] = lines
		}
	}
	fields["highlight"] = flask.Append(nil, highlight)
	return flask.Append(nil, fields)
}

// mark puts marks around each word of the query, and escapes the rest.
func mark(text string, words []term) string {
	wanted := map[string]bool{}
	for _, t := range words {
		for _, phrase := range t.any {
			for _, w := range phrase {
				wanted[w] = !t.not
			}
		}
	}
	if len(wanted) == 0 {
		return html.EscapeString(text)
	}
	var b strings.Builder
	for len(text) > 0 {
		i := strings.IndexFunc(text, unicode.IsLetter)
		if i < 0 {
			break
		}
		b.WriteString(html.EscapeString(text[:i]))
		text = text[i:]
		end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if end < 0 {
			end = len(text)
		}
		word := html.EscapeString(text[:end])
		if wanted[stem(strings.ToLower(text[:end]))] {
			word = "<mark class='search-result-highlighted-text'>" + word + "</mark>"
		}
		b.WriteString(word)
		text = text[end:]
	}
	b.WriteString(html.EscapeString(text))
	return b.String()
}
