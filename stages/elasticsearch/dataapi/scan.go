package dataapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// scanner reads JSON in one pass, and decodes nothing: a listing's page is nearly a megabyte, of which five small values
// of each document matter here, and the rest goes on as it is. What it takes for valid is what encoding/json does, which
// went over the same bytes five times and was half of all the processor's work in a fill.
type scanner struct {
	text []byte
	at   int
}

// deepest is how deep values may lie in each other, as in encoding/json.
const deepest = 10_000

// whole calls each for each member of the one object that the text is.
func (s *scanner) whole(each func(key []byte) error) error {
	if err := s.object(each); err != nil {
		return err
	}
	if s.space(); s.at < len(s.text) {
		return s.unexpected("after the answer's end")
	}
	return nil
}

// object calls each for each member of the object that comes next. It must take the member's value.
func (s *scanner) object(each func(key []byte) error) error {
	if s.next() != '{' {
		return s.unexpected("where an object begins")
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
		if err := each(key); err != nil {
			return err
		}
		if more, err := s.more('}'); !more {
			return err
		}
	}
}

// array calls each for each element of the array that comes next, or of none where null does. It must take the element.
func (s *scanner) array(each func() error) error {
	if s.next() == 'n' {
		return s.literal("null")
	}
	if s.next() != '[' {
		return s.unexpected("where a list begins")
	}
	s.at++
	if s.next() == ']' {
		s.at++
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		if more, err := s.more(']'); !more {
			return err
		}
	}
}

// key takes a member's name and the colon.
func (s *scanner) key() ([]byte, error) {
	if s.next() != '"' {
		return nil, s.unexpected("where a name begins")
	}
	start := s.at
	if err := s.str(); err != nil {
		return nil, err
	}
	key := s.text[start+1 : s.at-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		var plain string
		if err := json.Unmarshal(s.text[start:s.at], &plain); err != nil {
			return nil, err
		}
		key = []byte(plain)
	}
	if s.next() != ':' {
		return nil, s.unexpected("after a name")
	}
	s.at++
	return key, nil
}

// more takes the comma before a further member or element, or the end.
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

// value takes whatever comes next, and returns it as it is written.
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
	if (c == '{' || c == '[') && depth == deepest {
		return s.unexpected("so deep in others")
	}
	switch c {
	case '"':
		return s.str()
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

// next is the byte after any space; 0 at the end.
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

// str takes a string. Most of all that there is lies in strings.
func (s *scanner) str() error {
	text, i := s.text, s.at+1
	for i < len(text) {
		switch c := text[i]; {
		case c == '"':
			s.at = i + 1
			return nil
		case c < ' ':
			s.at = i
			return s.unexpected("in a text")
		case c != '\\':
			i++
		case i+1 < len(text) && bytes.IndexByte([]byte(`"\/bfnrt`), text[i+1]) >= 0:
			i += 2
		case i+5 < len(text) && text[i+1] == 'u' && hex(text[i+2]) && hex(text[i+3]) && hex(text[i+4]) && hex(text[i+5]):
			i += 6
		default:
			s.at = i
			return s.unexpected("in a text")
		}
	}
	s.at = len(text)
	return s.unexpected("in a text")
}

func hex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (s *scanner) literal(word string) error {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return s.unexpected("where a value begins")
	}
	s.at += len(word)
	return nil
}

// number takes -0.5e+7 and the like: no zero before other digits, and a digit before and after a point.
func (s *scanner) number() error {
	s.take("-")
	switch {
	case s.take("0"):
	case !s.digits():
		return s.unexpected("where a value begins")
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

// take takes one byte of those given, if it comes next.
func (s *scanner) take(of string) bool {
	if s.at < len(s.text) && bytes.IndexByte([]byte(of), s.text[s.at]) >= 0 {
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
		return fmt.Errorf("it ends too early, at byte %d", s.at)
	}
	return fmt.Errorf("unexpected %q %s, at byte %d", s.text[s.at], where, s.at)
}
