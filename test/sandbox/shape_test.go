package sandbox

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// shape is the shape that a value must have: see testdata/shapes.txt.
type shape struct {
	kind     byte // s, n, b, m, ?, { or [
	optional bool
	fields   map[string]*shape
	items    *shape // nil: a list of any items
}

func readShapes(t *testing.T) map[string]*shape {
	t.Helper()
	f, err := os.Open("testdata/shapes.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var text strings.Builder
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "#") {
			text.WriteString(lines.Text() + " ")
		}
	}
	p := &shapeParser{text: text.String()}
	return p.fields(0)
}

type shapeParser struct {
	text string
	at   int
}

func (p *shapeParser) peek() byte {
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *shapeParser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

// fields are "name shape" until the closing character.
func (p *shapeParser) fields(until byte) map[string]*shape {
	found := map[string]*shape{}
	for {
		for p.take(' ') {
		}
		if p.peek() == until {
			return found
		}
		from := p.at
		for p.peek() != 0 && !strings.ContainsRune(" :?{}[]", rune(p.peek())) {
			p.at++
		}
		if p.at == from {
			panic(fmt.Sprintf("shapes.txt: a name is missing before %.40q", p.text[p.at:]))
		}
		found[p.text[from:p.at]] = p.shape()
	}
}

func (p *shapeParser) shape() *shape {
	s := &shape{kind: 's'}
	s.optional = p.take('?')
	switch {
	case p.take('{'):
		s.kind, s.fields = '{', p.fields('}')
		p.at++
	case p.take('['):
		s.kind = '['
		if c := p.peek(); c != ']' {
			s.items = p.item(c)
		}
		p.at++
	case p.take(':'):
		s.kind = p.peek()
		p.at++
	}
	s.optional = p.take('?') || s.optional || s.kind == '?'
	return s
}

// item is the shape of a list's items: one letter, or an object.
func (p *shapeParser) item(c byte) *shape {
	if unicode.IsLetter(rune(c)) {
		p.at++
		return &shape{kind: c}
	}
	return p.shape()
}

// check lists the differences of a value from the shape.
func (s *shape) check(path string, v any) []string {
	if v == nil {
		if s.optional {
			return nil
		}
		return []string{path + " is null"}
	}
	ok := true
	switch s.kind {
	case 's':
		_, ok = v.(string)
	case 'n':
		_, ok = v.(float64)
	case 'b':
		_, ok = v.(bool)
	case 'm':
		_, ok = v.(map[string]any)
	case '{':
		if m, is := v.(map[string]any); is {
			return s.checkFields(path, m)
		}
		ok = false
	case '[':
		if l, is := v.([]any); is {
			return s.checkItems(path, l)
		}
		ok = false
	}
	if !ok {
		return []string{fmt.Sprintf("%s is %T", path, v)}
	}
	return nil
}

func (s *shape) checkFields(path string, m map[string]any) []string {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		v, there := m[name]
		if there {
			wrong = append(wrong, s.fields[name].check(path+"/"+name, v)...)
		} else if !s.fields[name].optional {
			wrong = append(wrong, path+"/"+name+" is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if s.fields[name] == nil {
			wrong = append(wrong, path+"/"+name+" is not known")
		}
	}
	return wrong
}

func (s *shape) checkItems(path string, l []any) []string {
	var wrong []string
	for i, v := range l {
		if s.items != nil {
			wrong = append(wrong, s.items.check(fmt.Sprintf("%s/%d", path, i), v)...)
		}
	}
	return wrong
}
