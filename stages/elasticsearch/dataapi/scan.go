package dataapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// scanner splits JSON into values in one pass, without decoding them: a page of a
// listing is nearly a megabyte, of which a few small values of each document are
// needed. It accepts the same JSON as encoding/json, which would read the same
// bytes five times and take half of the processor time of a fill.
type scanner struct {
	text []byte
	at   int // the offset of the next byte
}

// maxDepth is how deep values may be nested, as in encoding/json.
const maxDepth = 10_000

// wholeObject calls member for each member of the object that is the whole text.
func (s *scanner) wholeObject(member func(key []byte) error) error {
	if err := s.object(member); err != nil {
		return err
	}
	if s.space(); s.at < len(s.text) {
		return s.unexpected("after the end of the object")
	}
	return nil
}

// object reads the next object and calls member for each member, which must read
// the member's value.
func (s *scanner) object(member func(key []byte) error) error {
	if s.next() != '{' {
		return s.unexpected("instead of an object")
	}
	s.at++
	if s.next() == '}' {
		s.at++
		return nil
	}
	for {
		key, err := s.key()
		if err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		if more, err := s.more('}'); !more {
			return err
		}
	}
}

// array reads the next array and calls element for each element, which must read
// it. A null counts as an empty array.
func (s *scanner) array(element func() error) error {
	if s.next() == 'n' {
		return s.literal("null")
	}
	if s.next() != '[' {
		return s.unexpected("instead of an array")
	}
	s.at++
	if s.next() == ']' {
		s.at++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if more, err := s.more(']'); !more {
			return err
		}
	}
}

// key reads a member's name and the colon.
func (s *scanner) key() ([]byte, error) {
	if s.next() != '"' {
		return nil, s.unexpected("instead of a member's name")
	}
	start := s.at
	if err := s.string(); err != nil {
		return nil, err
	}
	key := s.text[start+1 : s.at-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		var unescaped string
		if err := json.Unmarshal(s.text[start:s.at], &unescaped); err != nil {
			return nil, err
		}
		key = []byte(unescaped)
	}
	if s.next() != ':' {
		return nil, s.unexpected("after a member's name")
	}
	s.at++
	return key, nil
}

// more reads a comma, or the end of the object or array, and reports whether
// another member or element follows.
func (s *scanner) more(end byte) (bool, error) {
	switch s.next() {
	case ',':
		s.at++
		return true, nil
	case end:
		s.at++
		return false, nil
	}
	return false, s.unexpected("after a value")
}

// value reads the next value and returns its bytes.
func (s *scanner) value() ([]byte, error) {
	s.space()
	start := s.at
	if err := s.skip(0); err != nil {
		return nil, err
	}
	return s.text[start:s.at], nil
}

func (s *scanner) skip(depth int) error {
	c := s.next()
	if (c == '{' || c == '[') && depth == maxDepth {
		return s.unexpected("nested too deep")
	}
	switch c {
	case '"':
		return s.string()
	case '{':
		return s.object(func([]byte) error { return s.skip(depth + 1) })
	case '[':
		return s.array(func() error { return s.skip(depth + 1) })
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

// next skips white space and returns the next byte, without reading it; 0 at the
// end.
func (s *scanner) next() byte {
	s.space()
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\n', '\t', '\r':
			s.at++
		default:
			return
		}
	}
}

// string reads a string. Most of a listing is strings.
func (s *scanner) string() error {
	text, i := s.text, s.at+1
	for i < len(text) {
		switch c := text[i]; {
		case c == '"':
			s.at = i + 1
			return nil
		case c < ' ':
			s.at = i
			return s.unexpected("in a string")
		case c != '\\':
			i++
		case i+1 < len(text) && bytes.IndexByte([]byte(`"\/bfnrt`), text[i+1]) >= 0:
			i += 2
		case i+5 < len(text) && text[i+1] == 'u' && hex(text[i+2]) && hex(text[i+3]) && hex(text[i+4]) && hex(text[i+5]):
			i += 6
		default:
			s.at = i
			return s.unexpected("in a string")
		}
	}
	s.at = len(text)
	return s.unexpected("in a string")
}

func hex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (s *scanner) literal(word string) error {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return s.unexpected("instead of a value")
	}
	s.at += len(word)
	return nil
}

// number reads a number such as -0.5e+7: no leading zero, and at least one digit
// before and after the point.
func (s *scanner) number() error {
	s.take("-")
	switch {
	case s.take("0"):
	case !s.digits():
		return s.unexpected("instead of a value")
	}
	if s.take(".") && !s.digits() {
		return s.unexpected("in a number")
	}
	if s.take("eE") {
		s.take("+-")
		if !s.digits() {
			return s.unexpected("in a number")
		}
	}
	return nil
}

// take reads the next byte if it is one of those in set.
func (s *scanner) take(set string) bool {
	if s.at < len(s.text) && bytes.IndexByte([]byte(set), s.text[s.at]) >= 0 {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

func (s *scanner) unexpected(where string) error {
	if s.at >= len(s.text) {
		return fmt.Errorf("unexpected end of JSON at byte %d", s.at)
	}
	return fmt.Errorf("unexpected %q %s at byte %d", s.text[s.at], where, s.at)
}
