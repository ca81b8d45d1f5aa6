package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestTheDataAPIWritesToTheLiveRoute(t *testing.T) {
	var got []string
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprintf("%s %s%s %s %s", r.Method, r.Host, r.URL.Path, r.Header.Get("Authorization"), body))
		w.WriteHeader(status)
		fmt.Fprint(w, `{"error":"words"}`)
	}))
	defer s.Close()
	x := &indexer{router: strings.TrimPrefix(s.URL, "http://"), host: "live.example", token: "tok"}
	if err := x.Put(t.Context(), "g-cloud-12", "services", "1", json.RawMessage(`{"a":1}`)); err != nil {
		t.Error(err)
	}
	status = http.StatusNotFound
	if err := x.Delete(t.Context(), "g-cloud-12", "services", "2"); err != nil {
		t.Errorf("deleting a document that does not exist: %v", err)
	}
	err := x.Put(t.Context(), "g-cloud-12", "services", "3", json.RawMessage(`{}`))
	var answer interface{ StatusCode() int }
	if !errors.As(err, &answer) || answer.StatusCode() != 404 || !strings.Contains(err.Error(), "words") {
		t.Errorf("a put that is refused: %v", err)
	}
	s.Close()
	if err := x.Delete(t.Context(), "g-cloud-12", "services", "4"); err == nil || errors.As(err, &answer) {
		t.Errorf("no connection: %v", err)
	}
	want := []string{
		`PUT live.example/g-cloud-12/services/1 Bearer tok {"document":{"a":1}}`,
		`DELETE live.example/g-cloud-12/services/2 Bearer tok `,
		`PUT live.example/g-cloud-12/services/3 Bearer tok {"document":{}}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
