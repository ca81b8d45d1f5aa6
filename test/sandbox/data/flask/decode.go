package flask

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strconv"
)

// Decode reads one JSON value and keeps numbers as they are written: Python has integers of any length.
func Decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// Member is one key of a JSON object with its value as it is written.
type Member struct {
	Key   string
	Value []byte
}

// Kind is the kind of a valid JSON value, by its first byte: '{', '[', '"', 't', 'f', 'n' or '0' for a number; 0 if there
// is no value.
func Kind(raw []byte) byte {
	i := space(raw, 0)
	if i == len(raw) {
		return 0
	}
	switch c := raw[i]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	default:
		return '0'
	}
}

// Members appends the members of a valid JSON object to list, in their order. The caller has checked json.Valid.
func Members(list []Member, raw []byte) []Member {
	i := space(raw, 0) + 1
	for {
		i = space(raw, i)
		if i >= len(raw) || raw[i] == '}' {
			return list
		}
		if raw[i] == ',' {
			i++
			continue
		}
		end := skip(raw, i)
		key := unquote(raw[i:end])
		i = space(raw, end)
		i = space(raw, i+1) // the colon
		end = skip(raw, i)
		list = append(list, Member{key, raw[i:end]})
		i = end
	}
}

// Elements are the elements of a valid JSON array, or any other valid value alone.
func Elements(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		switch Kind(raw) {
		case 0:
			return
		case '[':
		default:
			yield(raw)
			return
		}
		i := space(raw, 0) + 1
		for {
			i = space(raw, i)
			if i >= len(raw) || raw[i] == ']' {
				return
			}
			if raw[i] == ',' {
				i++
				continue
			}
			end := skip(raw, i)
			if !yield(raw[i:end]) {
				return
			}
			i = end
		}
	}
}

// AppendValue renders a valid JSON value in this package's way. Scalars and lists of scalars, which are most
// values in documents, are copied without being decoded.
func AppendValue(b, raw []byte) []byte {
	raw = trim(raw)
	switch Kind(raw) {
	case '"':
		if plain(raw) {
			return append(b, raw...)
		}
		return AppendString(b, unquote(raw))
	case '[':
		b = append(b, '[')
		i := 1
		for first := true; ; first = false {
			i = space(raw, i)
			if raw[i] == ']' {
				return append(b, ']')
			}
			if !first {
				b = append(b, ',')
				i = space(raw, i+1)
			}
			end := skip(raw, i)
			b = AppendValue(b, raw[i:end])
			i = end
		}
	case '{':
		return appendRaw(b, raw)
	default:
		return append(b, raw...)
	}
}

// Text decodes a valid JSON string.
func Text(raw []byte) string { return unquote(trim(raw)) }

func trim(raw []byte) []byte { return bytes.Trim(raw, " \t\r\n") }

func plain(quoted []byte) bool {
	for _, c := range quoted[1 : len(quoted)-1] {
		if c < 0x20 || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

func unquote(quoted []byte) string {
	if plain(quoted) {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return strconv.Quote(string(quoted))
	}
	return s
}

func space(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}

// skip is the end of the valid JSON value that begins at i.
func skip(raw []byte, i int) int {
	switch raw[i] {
	case '"':
		return skipString(raw, i)
	case '{', '[':
		depth := 0
		for ; i < len(raw); i++ {
			switch raw[i] {
			case '"':
				i = skipString(raw, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return i
	}
	for i < len(raw) && raw[i] != ',' && raw[i] != '}' && raw[i] != ']' && raw[i] > ' ' {
		i++
	}
	return i
}

func skipString(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		n := bytes.IndexByte(raw[i:], '"')
		if n < 0 {
			return len(raw)
		}
		i += n
		escapes := 0
		for raw[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
	return i
}
