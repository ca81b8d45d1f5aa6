// Package flask renders bodies, errors and headers as the Digital Marketplace's two Flask applications do: sorted keys,
// ASCII only, gzip from 8192 bytes on, error bodies with one key, and the token of the request in the body of a 403.
//
// Source: Flask's jsonify (JSON_SORT_KEYS, JSON_AS_ASCII), dmutils/errors/api.py, dmutils/flask.py.
package flask

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Raw is JSON that is already rendered in this package's way; Append copies it as it is.
type Raw []byte

// Append renders v as jsonify does: keys sorted, no spaces, everything escaped that is not ASCII.
func Append(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return AppendString(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case json.Number:
		return append(b, v...)
	case Raw:
		return append(b, v...)
	case json.RawMessage:
		return appendRaw(b, v)
	case []Raw:
		return appendList(b, v)
	case []string:
		return appendList(b, v)
	case []any:
		return appendList(b, v)
	case []map[string]any:
		return appendList(b, v)
	case map[string]any:
		return appendMap(b, v)
	case map[string]string:
		return appendMap(b, v)
	case map[string]int:
		return appendMap(b, v)
	case map[string]Raw:
		return appendMap(b, v)
	case map[string][]string:
		return appendMap(b, v)
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			panic(fmt.Sprintf("flask: a body of type %T cannot be rendered: %v", v, err))
		}
		return appendRaw(b, raw)
	}
}

func appendList[T any](b []byte, list []T) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = Append(b, v)
	}
	return append(b, ']')
}

func appendMap[T any](b []byte, m map[string]T) []byte {
	b = append(b, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, k)
		b = append(b, ':')
		b = Append(b, m[k])
	}
	return append(b, '}')
}

func appendRaw(b []byte, raw json.RawMessage) []byte {
	v, err := Decode(raw)
	if err != nil {
		panic(fmt.Sprintf("flask: a body is not JSON: %v", err))
	}
	return Append(b, v)
}

const hexadecimal = "0123456789abcdef"

// AppendString renders s as Python's json.dumps does with ensure_ascii.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		size := 1
		switch {
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c < 0x20:
			b = appendEscape(b, rune(c))
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if r >= 0x10000 {
				r -= 0x10000
				b = appendEscape(b, 0xd800+r>>10)
				b = appendEscape(b, 0xdc00+r&0x3ff)
			} else {
				b = appendEscape(b, r)
			}
		}
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendEscape(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexadecimal[r>>12&15], hexadecimal[r>>8&15], hexadecimal[r>>4&15], hexadecimal[r&15])
}
