package faults

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestControlAPI(t *testing.T) {
	w := newWorld(t)
	call := func(method, path, body string, want int) string {
		t.Helper()
		r, err := http.NewRequest(method, w.control+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(bufio.NewReader(res.Body))
		if res.StatusCode != want {
			t.Errorf("%s %s: %d %s, want %d", method, path, res.StatusCode, b, want)
		}
		return strings.TrimSpace(string(b))
	}
	for _, bad := range []string{
		`{}`, `{"kind":"explode"}`, `{"kind":"hold","path":"("}`, `{"kind":"hold","probability":2}`,
		`{"kind":"hold","n":-1}`, `{"kind":"hold","status":9}`, `{"kind":"hold","wirtes_only":true}`, `no`,
	} {
		call("POST", "/_sandbox/faults", bad, http.StatusBadRequest)
	}
	if got := call("POST", "/_sandbox/faults", `{"kind":"hold","place":"data-api","n":2,"writes_only":true}`, http.StatusCreated); got != `{"id":"f1"}` {
		t.Errorf("adding answered %s", got)
	}
	call("GET", "/_sandbox/faults/f9", "", http.StatusNotFound)
	call("POST", "/_sandbox/faults/f1/release", `{"action":"do"}`, http.StatusConflict)
	call("POST", "/_sandbox/faults/f1/release", `{"action":"undo"}`, http.StatusBadRequest)
	call("GET", "/_sandbox/faults/f1?wait=held&timeout_ms=20", "", http.StatusRequestTimeout)
	w.put("a")
	answer, _ := w.begin(http.MethodPut, "b")
	if got := call("GET", "/_sandbox/faults/f1?wait=held&timeout_ms=10000", "", http.StatusOK); !strings.Contains(got, `"state":"held"`) {
		t.Errorf("waiting answered %s", got)
	}
	if got := call("POST", "/_sandbox/faults/f1/release", `{"action":"do"}`, http.StatusOK); !strings.Contains(got, `"state":"done"`) {
		t.Errorf("releasing answered %s", got)
	}
	if r := <-answer; r.status != http.StatusCreated {
		t.Errorf("the held write was answered %+v", r)
	}
	var writes []Write
	if err := json.Unmarshal([]byte(call("GET", "/_sandbox/writes?after=1", "", http.StatusOK)), &writes); err != nil {
		t.Fatal(err)
	}
	if len(writes) != 1 || writes[0].N != 2 || writes[0].Effect != EffectLate {
		t.Errorf("writes: %+v", writes)
	}
	if got := call("GET", "/_sandbox/writes?place=uaa", "", http.StatusOK); got != "[]" {
		t.Errorf("writes to another place: %s", got)
	}
	call("DELETE", "/_sandbox/faults/f1", "", http.StatusNoContent)
	call("DELETE", "/_sandbox/faults/f1", "", http.StatusNotFound)
	call("DELETE", "/_sandbox/faults", "", http.StatusNoContent)
	if got := call("GET", "/_sandbox/faults", "", http.StatusOK); got != "[]" {
		t.Errorf("listing answered %s", got)
	}
}
