package dataapi

import (
	"encoding/json"
	"strings"
	"testing"
)

// The scanner accepts the same JSON as encoding/json.
func FuzzScanner(f *testing.F) {
	for _, text := range []string{
		`{"id": 1, "a": [true, false, null, {"b": "\u00e9\n\"\\"}]}`, `[]`, `{}`, ` [ ] `, `-0.5e+7`, `01`, `1.`, `-`, `1e`, `.5`, `"a`, `"\u12g4"`, `"\x"`,
		`{"a"}`, `{"a":}`, `{,}`, `[1,]`, `[1 2]`, `{"a":1 "b":2}`, `nul`, `nulll`, `"` + "\x01" + `"`, `"` + "\xff" + `"`, ``, ` `, `{"a":1}}`, `tru`, "\"\t\"", `[[[[`, `{"\u0061": 1}`,
		strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := scanner{text: text}
		raw, err := s.value()
		s.space()
		valid := err == nil && s.at == len(text)
		if valid != json.Valid(text) {
			t.Fatalf("%.80q: valid is %t for the scanner (%v), but not for encoding/json", text, valid, err)
		}
		if valid && string(raw) != strings.Trim(string(text), " \n\t\r") {
			t.Errorf("%.80q: got %.80q", text, raw)
		}
	})
}

// A page may have other members, and any white space and escapes that JSON allows.
func TestParsePage(t *testing.T) {
	p, err := parsePage(Services, []byte(`{"meta": {"total": 7}, "links": {"self": "x", "next": "y"}, "other": [1, {"id": 2}],
		"services": [ {"id": "10", "status": "published", "supplier": {"id": 5}, "supplierId": 700, "frameworkSlug": "g-cloud-12"},
			{"\u0069d": 11, "status": "\u0064isabled"} ] }`))
	if err != nil || p.Total != 7 || p.Last || len(p.Documents) != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	a, b := p.Documents[0], p.Documents[1]
	if a.ID != "10" || a.Status != "published" || a.Framework != "g-cloud-12" || !json.Valid(a.Raw) || a.Raw[0] != '{' {
		t.Errorf("the first: %+v", a)
	}
	if b.ID != "11" || b.Status != "disabled" || string(b.Raw) != `{"\u0069d": 11, "status": "\u0064isabled"}` {
		t.Errorf("the second: %+v", b)
	}
	for text, why := range map[string]string{
		`{"services": [{"status": "published"}]}`:     "no id",
		`{"services": [null]}`:                        "instead of an object",
		`{"services": [{"id": "1", "status": 5}]}`:    "cannot unmarshal number",
		`{"services": {}}`:                            "instead of an array",
		`[]`:                                          "instead of an object",
		`{"services": [{"id": "1"`:                    "unexpected end of JSON",
		`{"services": [{"id": "1"}]} {"services":[]}`: "after the end of the object",
		`{"services": [{"id": "1"}], }`:               "instead of a member's name",
	} {
		if _, err := parsePage(Services, []byte(text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", text, err, why)
		}
	}
}
