package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/search"
)

// hits is how many requests a fault has hit.
func (w *world) hits(id string) int {
	w.t.Helper()
	var f struct {
		Hits int `json:"hits"`
	}
	w.call("GET", "/_sandbox/faults/"+id, nil, &f)
	return f.Hits
}

func (w *world) tally() sandbox.Tally {
	w.t.Helper()
	var t sandbox.Tally
	w.call("GET", "/_sandbox/load", nil, &t)
	return t
}

// unlike is how the indices of a service differ from the data API; "" if they do not.
func (w *world) unlike(service string) string {
	w.t.Helper()
	var differences map[string]search.Difference
	w.call("GET", "/_sandbox/compare?service="+service, nil, &differences)
	var all []string
	for alias, d := range differences {
		if d.Index == "" || d.Docs != d.Source || len(d.Missing)+len(d.Extra)+len(d.Stale) > 0 {
			all = append(all, fmt.Sprintf("%s: %+v", alias, d))
		}
	}
	return strings.Join(all, "\n")
}

// object reads an argument that is a JSON object.
func (s *story) object(text string) map[string]any {
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		s.ts.Fatalf("%s: %v", text, err)
	}
	return o
}

func (s *story) body(args []string) any {
	if len(args) < 3 {
		return nil
	}
	return s.object(args[2])
}

func (s *story) print(v any) {
	text, err := json.MarshalIndent(v, "", " ")
	s.ts.Check(err)
	_, _ = fmt.Fprintf(s.ts.Stdout(), "%s\n", text)
}

func (s *story) control(args []string) {
	s.need(args, 2, 3)
	var answer any
	s.world.call(args[0], args[1], s.body(args), &answer)
	s.print(answer)
}

func (s *story) until(args []string) {
	s.need(args, 2, 2)
	pattern := regexp.MustCompile(args[1])
	args = s.byGUID(args)
	if host, ok := strings.CutPrefix(args[0], "http://"); ok {
		s.world.eventually("every router says "+args[1]+" on "+host, func() bool { return s.world.everywhere(host, pattern) })
		return
	}
	s.world.eventually(args[0]+" says "+args[1], func() bool {
		var answer json.RawMessage
		if strings.HasPrefix(args[0], "/v3/") {
			s.world.cf("GET", args[0], nil, &answer)
		} else {
			s.world.call("GET", args[0], nil, &answer)
		}
		return pattern.Match(answer)
	})
}

// everywhere tells whether the answer matches on every router: fresh connections meet each of two by 20.
func (w *world) everywhere(address string, pattern *regexp.Regexp) bool {
	host, path, _ := strings.Cut(address, "/")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 20 {
		req, err := http.NewRequestWithContext(w.t.Context(), "GET", "http://"+w.env["ROUTER_ADDRESS"]+"/"+path, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		req.Host = host
		resp, err := client.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !pattern.Match(text) {
			return false
		}
	}
	return true
}

// platform asks the Cloud Controller. {green} and {blue} in path and body are the
// GUIDs of the new app and of the one called search-api.
func (s *story) platform(args []string) {
	s.need(args, 2, 3)
	args = s.byGUID(args)
	path := args[1]
	if args[0] == "DELETE" {
		s.world.cf(args[0], path, nil, nil)
		return
	}
	var answer any
	s.world.cf(args[0], path, s.body(args), &answer)
	s.print(answer)
}

// byGUID puts the apps' GUIDs where {green} and {blue} are.
func (s *story) byGUID(args []string) []string {
	args = slices.Clone(args)
	for i := range args {
		for word, app := range map[string]string{"{green}": "elasticsearch-migration", "{blue}": "search-api"} {
			if strings.Contains(args[i], word) {
				args[i] = strings.ReplaceAll(args[i], word, s.world.app(app))
			}
		}
	}
	return args
}

// app finds an app's GUID by its name.
func (w *world) app(name string) string {
	w.t.Helper()
	var list struct {
		Resources []struct {
			GUID string `json:"guid"`
		} `json:"resources"`
	}
	w.cf("GET", "/v3/apps?names="+name, nil, &list)
	if len(list.Resources) != 1 {
		w.t.Fatalf("there are %d apps %s", len(list.Resources), name)
	}
	return list.Resources[0].GUID
}

func (s *story) deploy(args []string) {
	s.need(args, 0, 1)
	var manifest map[string]any
	if len(args) == 1 {
		manifest = s.object(args[0])
	}
	s.world.released(manifest)
}

func (s *story) edit(args []string) {
	s.need(args, 1, 1)
	var made struct {
		ID         string `json:"id"`
		IndexError string `json:"index_error"`
	}
	s.world.call("POST", "/_sandbox/edit", s.object(args[0]), &made)
	if made.IndexError != "" {
		s.ts.Fatalf("the live index did not hear of the edit: %s", made.IndexError)
	}
	s.ts.Setenv("EDITED", made.ID)
}

func (s *story) snapshotEquals(args []string) {
	s.need(args, 1, 1)
	if diff := cmp.Diff(s.states[args[0]], s.world.state()); diff != "" {
		s.ts.Fatalf("another state than %s (-before +now):\n%s", args[0], diff)
	}
}

func (s *story) likeSource(args []string) {
	s.need(args, 1, 1)
	if diff := s.world.unlike(args[0]); diff != "" {
		s.ts.Fatalf("%s is not like its source:\n%s", args[0], diff)
	}
}

// json wants stdout to be one JSON object, and a value in it: stages.0.complete true.
func (s *story) json(args []string) {
	s.need(args, 0, 2)
	text := s.ts.ReadFile("stdout")
	d := json.NewDecoder(strings.NewReader(text))
	var v any
	s.ts.Check(d.Decode(&v))
	if _, err := d.Token(); err != io.EOF {
		s.ts.Fatalf("more than one JSON value: %s", text)
	}
	if len(args) == 0 {
		return
	}
	for key := range strings.SplitSeq(args[0], ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			var i int
			_, err := fmt.Sscan(key, &i)
			s.ts.Check(err)
			v = in[i]
		default:
			v = nil
		}
	}
	if got := fmt.Sprint(v); got != args[1] {
		s.ts.Fatalf("%s is %s, not %s", args[0], got, args[1])
	}
}
