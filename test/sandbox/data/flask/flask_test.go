package flask

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// json.dumps of Python 3 with ensure_ascii and sorted keys.
func TestAppendRendersAsPythonDoes(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{"plain", `"plain"`},
		{"£ \U0001F4C8 \x7f \x00 \b\f\n\r\t \"\\/<&", `"\u00a3 \ud83d\udcc8 \u007f \u0000 \b\f\n\r\t \"\\/<&"`},
		{map[string]any{"b": 1, "a": nil, "B": true}, `{"B":true,"a":null,"b":1}`},
		{map[string][]string{"x": {"1", "é"}}, `{"x":["1","\u00e9"]}`},
		{json.RawMessage(`{"z": 1.50, "a": [1, {"é": 12345678901234567890}]}`), `{"a":[1,{"\u00e9":12345678901234567890}],"z":1.50}`},
		{[]string(nil), `[]`},
	} {
		if got := string(Append(nil, c.v)); got != c.want {
			t.Errorf("%v: got %s, want %s", c.v, got, c.want)
		}
	}
}

func TestValuesAreRenderedTheSameDecodedOrNot(t *testing.T) {
	for _, s := range []string{
		`"a"`, ` "\u00a3 \"x\" \\" `, `["a" , "£",[ ], {"b":1, "a":"]}"}]`, `12.50`, `true`, `null`, `[]`, `{ }`, `"\\\\"`, `["\\", "\""]`,
	} {
		v, err := Decode([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(AppendValue(nil, []byte(s))), string(Append(nil, v)); got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
}

func TestMembersAndElements(t *testing.T) {
	raw := []byte(` { "a" : "x\\" , "b\"" : [1, {"c": "}"}], "c":-1.5e3 ,"d":{}, "e": "" } `)
	var got []string
	for _, m := range Members(nil, raw) {
		got = append(got, m.Key+"="+string(m.Value))
	}
	if want := `a="x\\" b"=[1, {"c": "}"}] c=-1.5e3 d={} e=""`; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
	got = nil
	for e := range Elements([]byte(`[ "a,]" , [1,2],{"x":[3]} ,4 ]`)) {
		got = append(got, string(e))
	}
	if want := `"a,]" [1,2] {"x":[3]} 4`; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}

// dmutils/errors/api.py dumps errors itself: with a space, without the newline of jsonify.
func TestErrorsAndBodiesDiffer(t *testing.T) {
	w := httptest.NewRecorder()
	Error(w, http.StatusNotFound, "é")
	if got := w.Body.String(); got != `{"error": "\u00e9"}` {
		t.Error(got)
	}
	w = httptest.NewRecorder()
	InternalError(w, httptest.NewRequest("GET", "/", nil))
	if got := w.Body.String(); got != "{\"error\":\"Internal error\"}\n" || w.Code != 500 {
		t.Error(w.Code, got)
	}
}
