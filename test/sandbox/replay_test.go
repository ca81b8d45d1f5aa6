package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The requests that the unmodified cf CLI 8.18.4 has sent for each of its commands are sent again. The answers must have
// the same status, the headers that the CLI reads, the same error messages, and the documented shape.
func TestTheCFCommandLinesRequestsAreAnswered(t *testing.T) {
	text, err := os.ReadFile("testdata/cf-8.18.4.txt")
	if err != nil {
		t.Fatal(err)
	}
	w := walk(t, Options{Documents: 20, Briefs: 5, Pace: 0.001, PutTime: -1})
	w.token = ""
	r := &replay{walker: w, shapes: readShapes(t), names: map[string]string{}}
	for _, c := range readCommands(t, string(text)) {
		r.command = c.line
		if strings.HasSuffix(c.line, "cf logout") { // which sends nothing
			w.token = ""
		}
		for _, e := range c.exchanges {
			r.play(e)
		}
	}
	if r.played < 500 {
		t.Errorf("%d requests were replayed: the recording has more", r.played)
	}
}

// command is one command line and its requests.
type command struct {
	line      string
	exchanges []*exchange
}

type exchange struct {
	method, path, body string
	poll               bool
	answer             string            // status, and values in the body
	awaited            [2]string         // path and value
	capture            map[string]string // name: path
}

func readCommands(t *testing.T, text string) []*command {
	t.Helper()
	var all []*command
	var last *exchange
	for n, line := range strings.Split(text, "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		switch mark {
		case "", "#":
		case "$", "!$":
			all = append(all, &command{line: rest})
		case ">":
			last.body = rest
			if strings.HasPrefix(rest, `"`) { // YAML
				if err := json.Unmarshal([]byte(rest), &last.body); err != nil {
					t.Fatal(err)
				}
			}
		case "<":
			last.answer = rest
		case "~":
			path, value, _ := strings.Cut(rest, " ")
			last.awaited = [2]string{path, value}
		case "=":
			name, path, _ := strings.Cut(rest, " ")
			last.capture[name] = path
		default:
			method := strings.TrimSuffix(mark, "*")
			if len(all) == 0 || method != strings.ToUpper(method) {
				t.Fatalf("line %d of the recording: %q", n+1, line)
			}
			last = &exchange{method: method, path: rest, poll: method != mark, capture: map[string]string{}}
			c := all[len(all)-1]
			c.exchanges = append(c.exchanges, last)
		}
	}
	return all
}

// replay sends the recorded requests. It knows the values for the names in them.
type replay struct {
	*walker
	shapes  map[string]*shape
	names   map[string]string
	command string
	played  int
}

var named = regexp.MustCompile(`\{[a-z_]+[0-9]*\}`)

func (r *replay) fill(text string) string {
	return named.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := r.names[name]
		if !ok {
			r.t.Fatalf("%s: no answer had a value for %s", r.command, name)
		}
		return value
	})
}

func (r *replay) play(e *exchange) {
	r.t.Helper()
	r.played++
	what := fmt.Sprintf("%s: %s %s", r.command, e.method, e.path)
	status, header, text := r.ask(e)
	if e.poll && e.awaited[0] != "" {
		until(r.t, what+" says "+e.awaited[1], func() bool {
			status, header, text = r.ask(e)
			return fmt.Sprint(at(parsed(text), e.awaited[0])) == e.awaited[1]
		})
	}
	wantStatus, shows, _ := strings.Cut(e.answer, " ")
	if strconv.Itoa(status) != wantStatus {
		r.t.Fatalf("%s: %d, want %s: %s", what, status, wantStatus, text)
	}
	for _, wrong := range r.differences(shows, header, text) {
		r.t.Errorf("%s: %s", what, wrong)
	}
	for name, path := range e.capture {
		value, _ := at(parsed(text), path).(string)
		if path == "Location" {
			value = header.Get(path)
			if !strings.HasPrefix(value, r.ready.Env["CF_API"]+"/v3/jobs/") {
				r.t.Errorf("%s: Location %q is not the absolute address of a job", what, value)
			}
			value = value[strings.LastIndex(value, "/")+1:]
		}
		if value == "" {
			r.t.Fatalf("%s: %s has no value in %s", what, path, text)
		}
		r.names[name] = value
	}
	if shows == "token" {
		answer := parsed(text)
		r.token = str(answer, "access_token")
		r.names["{token}"] = str(answer, "refresh_token")
	}
}

func (r *replay) ask(e *exchange) (int, http.Header, []byte) {
	r.t.Helper()
	h := http.Header{}
	body := r.fill(e.body)
	switch {
	case e.path == "/oauth/token":
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		if !strings.Contains(body, "client_credentials") {
			h.Set("Authorization", "Basic Y2Y6")
		}
	case r.token != "":
		h.Set("Authorization", "bearer "+r.token)
	}
	if strings.HasPrefix(body, "{") {
		h.Set("Content-Type", "application/json")
	} else if body != "" && e.path != "/oauth/token" {
		h.Set("Content-Type", "application/x-yaml")
	}
	path, query, _ := strings.Cut(r.fill(e.path), "?")
	query = strings.NewReplacer(" ", "%20", "[", "%5B", "]", "%5D", ",", "%2C", "/", "%2F").Replace(query)
	var send any
	if body != "" {
		send = body
	}
	return r.send(nil, e.method, strings.TrimSuffix(r.ready.Env["CF_API"]+path+"?"+query, "?"), send, h)
}

// differences are the differences between an answer and the recording.
func (r *replay) differences(shows string, header http.Header, text []byte) []string {
	if shows == "-" {
		if len(text) > 0 {
			return []string{fmt.Sprintf("want no body, have %s", text)}
		}
		return nil
	}
	if shows == "text" {
		return nil
	}
	var wrong []string
	if kind := header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		wrong = append(wrong, "content type is "+kind)
	}
	answer := parsed(text)
	switch {
	case strings.HasPrefix(shows, "list of "):
		wrong = append(wrong, r.shapes["page"].check("pagination", answer["pagination"])...)
		resources, _ := answer["resources"].([]any)
		if resources == nil || (len(resources) == 0) != (shows == "list of nothing") {
			return append(wrong, fmt.Sprintf("%d resources, want a %s", len(resources), shows))
		}
		for i, v := range resources {
			wrong = append(wrong, r.ofKind(fmt.Sprintf("resources/%d", i), strings.Fields(shows)[2:], v)...)
		}
	case shows[0] >= '1' && shows[0] <= '9': // an error: code, title and detail
		wrong = append(wrong, r.shapes["errors"].check("", any(answer))...)
		e := get(answer, "errors", 0)
		detail, _ := json.Marshal(get(e, "detail"))
		detail = []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(detail)))
		if have := fmt.Sprintf("%.0f %v %s", get(e, "code"), get(e, "title"), detail); have != r.fill(shows) {
			wrong = append(wrong, fmt.Sprintf("refuses with %s, want %s", have, shows))
		}
	default:
		wrong = append(wrong, r.ofKind("", []string{shows}, any(answer))...)
	}
	return wrong
}

// ofKind checks a value that may have one of several shapes. It returns the differences from the nearest.
func (r *replay) ofKind(path string, kinds []string, v any) []string {
	var nearest []string
	for i, k := range kinds {
		s, ok := r.shapes[k]
		if !ok {
			return []string{"shapes.txt has no " + k}
		}
		wrong := s.check(path, v)
		if i == 0 || len(wrong) < len(nearest) {
			nearest = wrong
		}
	}
	return nearest
}

func parsed(text []byte) object {
	v := object{}
	_ = json.Unmarshal(text, &v)
	return v
}

// at picks a value by its path: "resources/0/guid".
func at(v any, path string) any {
	var steps []any
	for _, step := range strings.Split(path, "/") {
		if n, err := strconv.Atoi(step); err == nil {
			steps = append(steps, n)
		} else {
			steps = append(steps, step)
		}
	}
	return get(v, slices.Clone(steps)...)
}
