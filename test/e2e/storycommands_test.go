package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/test/jenkins/junitxsd"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/pipeline"
)

// decode reads an argument that is a JSON object; a field that the type does not have is an error.
func (s *story) decode(text string, into any) {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		s.ts.Fatalf("%s: %v", text, err)
	}
}

func (s *story) body(args []string) any {
	if len(args) < 3 {
		return nil
	}
	var o map[string]any
	s.decode(args[2], &o)
	return o
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
		host, path, _ := strings.Cut(host, "/")
		s.world.eventually("every router answers "+args[1]+" on "+host, func() bool {
			return s.world.everyRouter(host, "/"+path, func(_ *http.Response, body string) bool { return pattern.MatchString(body) })
		})
		return
	}
	s.world.eventually(args[0]+" answers "+args[1], func() bool {
		var answer json.RawMessage
		if strings.HasPrefix(args[0], "/v3/") {
			s.world.cf("GET", args[0], nil, &answer)
		} else {
			s.world.call("GET", args[0], nil, &answer)
		}
		return pattern.Match(answer)
	})
}

// platform asks the Cloud Controller. {green} and {blue} in path and body are the GUIDs of green and of the app that is called
// search-api.
func (s *story) platform(args []string) {
	s.need(args, 2, 3)
	args = s.byGUID(args)
	path := args[1]
	if args[0] == "DELETE" || strings.HasSuffix(path, "/actions/cancel") { // answers without a body
		s.world.cf(args[0], path, s.body(args), nil)
		return
	}
	var answer any
	s.world.cf(args[0], path, s.body(args), &answer)
	s.print(answer)
}

// byGUID replaces {green} and {blue} by the apps' GUIDs.
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

// green asks green's search API, as a person would with curl.
func (s *story) green(args []string) {
	s.need(args, 2, 3)
	req, err := http.NewRequestWithContext(s.tb.Context(), args[0], "http://"+s.world.Env["ROUTER_ADDRESS"]+args[1], strings.NewReader(strings.Join(args[2:], "")))
	s.ts.Check(err)
	req.Host = "dm-elasticsearch-migration-preview.cloudapps.digital"
	req.Header.Set("Authorization", "Bearer "+s.world.Env["DM_SEARCH_API_TOKEN_PREVIEW"])
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	s.ts.Check(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	s.ts.Check(err)
	_, _ = fmt.Fprintf(s.ts.Stdout(), "%s\n", text)
	if res.StatusCode != http.StatusOK {
		s.ts.Fatalf("%s %s: %s: %s", args[0], args[1], res.Status, text)
	}
}

func (s *story) deploy(args []string) {
	s.need(args, 0, 1)
	var mistake pipeline.Overrides
	if len(args) == 1 {
		s.decode(args[0], &mistake)
	}
	s.world.deployWith(mistake)
}

func (s *story) edit(args []string) {
	s.need(args, 1, 1)
	var e data.Edit
	s.decode(args[0], &e)
	made := s.world.edit(e)
	if made.IndexError != "" {
		s.ts.Fatalf("the edit did not reach the live index: %s", made.IndexError)
	}
	s.ts.Setenv("EDITED", made.ID)
}

func (s *story) snapshotEquals(args []string) {
	s.need(args, 1, 1)
	if diff := cmp.Diff(s.states[args[0]], s.world.state()); diff != "" {
		s.ts.Fatalf("the state differs from %s (-before +now):\n%s", args[0], diff)
	}
}

func (s *story) sameAsDataAPI(args []string) {
	s.need(args, 1, 1)
	if diff := s.world.differences(args[0]); diff != "" {
		s.ts.Fatalf("the indices of %s differ from the data API:\n%s", args[0], diff)
	}
}

// json wants stdout to be one JSON value, and a value at a path in it: stages.0.complete true.
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

func (s *story) capture(args []string) {
	s.need(args, 2, 2)
	text := s.ts.ReadFile("stdout")
	found := regexp.MustCompile(args[1]).FindStringSubmatch(text)
	if len(found) != 2 {
		s.ts.Fatalf("no match for %s in %s", args[1], text)
	}
	s.ts.Setenv(args[0], found[1])
}

func (s *story) mark(args []string) {
	s.need(args, 0, 0)
	s.marked = len(s.world.writes())
	// Of the program alone: the platform checks the health of the apps all the time.
	s.counter = s.world.count(faults.Fault{UserAgent: "^cutover"})
}

// between fails unless n is what two arguments allow.
func (s *story) between(n int, least, most string, what any) {
	a, err := strconv.Atoi(least)
	s.ts.Check(err)
	b, err := strconv.Atoi(most)
	s.ts.Check(err)
	if n < a || n > b {
		s.ts.Fatalf("%d, want %d to %d: %+v", n, a, b, what)
	}
}

func (s *story) writes(args []string) {
	s.need(args, 2, 3)
	pattern := regexp.MustCompile(strings.Join(args[2:], ""))
	var some []string
	for _, one := range s.world.writes()[s.marked:] {
		if line := strings.Join([]string{one.Place, one.App, one.Method, one.Path}, " "); pattern.MatchString(line) {
			some = append(some, line)
		}
	}
	s.between(len(some), args[0], args[1], some)
}

func (s *story) requests(args []string) {
	s.need(args, 2, 2)
	s.between(s.world.hits(s.counter), args[0], args[1], "requests since the mark")
}

func (s *story) snapshot(args []string) { s.need(args, 1, 1); s.states[args[0]] = s.world.state() }

func (s *story) junit(args []string) {
	var paths []string
	for _, arg := range args {
		some, err := filepath.Glob(s.ts.MkAbs(arg))
		s.ts.Check(err)
		if len(some) == 0 {
			s.ts.Fatalf("there is no %s", arg)
		}
		paths = append(paths, some...)
	}
	junitxsd.ValidateJUnit(s.tb, paths...)
}

func (s *story) gone(args []string) {
	s.need(args, 1, 1)
	s.world.eventually("there is no service "+args[0], func() bool { return s.world.instance(args[0]) == "" })
}

// readersMet waits until an app has answered ten more requests of the readers.
func (s *story) readersMet(args []string) {
	s.need(args, 1, 1)
	was := maps.Clone(s.world.readers().ByApp)
	s.world.eventually("the readers are answered by "+args[0], func() bool { return s.world.readers().ByApp[args[0]] >= was[args[0]]+10 })
}

func (s *story) readers(args []string) {
	s.need(args, 1, 1)
	rate, err := strconv.ParseFloat(args[0], 64)
	s.ts.Check(err)
	s.world.startReaders(rate)
}

func (s *story) noReadFailed(args []string) {
	s.need(args, 0, 0)
	if t := s.world.stopReaders(); t.Sent < 20 || t.Failed > 0 {
		s.ts.Fatalf("%d requests, %d failed: %+v", t.Sent, t.Failed, t.Failures)
	}
}
