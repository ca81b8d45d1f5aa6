package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// recap is what the rehearsal came to.
type recap struct {
	ran     []ran
	counts  []counts
	load    tally
	edits   edits
	traffic string
	reports string
	took    time.Duration
	// back is the way back, where that was rehearsed.
	back *wayBack
	// wrong is everything that did not hold.
	wrong []error
}

// counts are the documents of one alias: those that the data API has, and those in either Elasticsearch. Less than 0: none.
type counts struct {
	alias             string
	data, blue, green int
}

// tally is what the readers saw.
type tally struct {
	Sent     int            `json:"sent"`
	Failed   int            `json:"failed"`
	ByApp    map[string]int `json:"by_app"`
	P50      float64        `json:"p50_ms"`
	P99      float64        `json:"p99_ms"`
	Failures []struct {
		At     time.Time `json:"at"`
		Path   string    `json:"path"`
		App    string    `json:"app"`
		Reason string    `json:"reason"`
	} `json:"failures"`
}

// edits are what people changed meanwhile. Unheard are those of which the live index was not told.
type edits struct {
	Edits    int      `json:"edits"`
	Unheard  int      `json:"unheard"`
	Failures []string `json:"failures"`
}

// measure ends the edits and the readers, and then counts.
func (r *recap) measure(ctx context.Context, box *sandbox, before snapshot, p *program) error {
	if err := box.ask(ctx, http.MethodDelete, "edit", &r.edits); err != nil {
		return err
	}
	if err := box.ask(ctx, http.MethodDelete, "load", &r.load); err != nil {
		return err
	}
	after, err := box.snapshot(ctx)
	if err != nil {
		return err
	}
	env := box.ready.Env
	stage := env["STAGE"]
	data := dataapi.New(dataapi.Options{
		BaseURL: env["DATA_API_URL"], Token: environ.Secret(env["DM_DATA_API_TOKEN_"+strings.ToUpper(stage)]),
		TokenVariable: "DM_DATA_API_TOKEN", HTTP: httpclient.New(httpclient.Options{}),
	})
	for _, index := range indexer.Defaults(stage) {
		total, err := data.Total(ctx, index.Kind, index.Frameworks)
		if err != nil {
			return err
		}
		c := counts{alias: index.Alias.String(), data: total, blue: -1, green: -1}
		for guid, documents := range after {
			n, is := documents[c.alias]
			if _, old := before[guid]; is && old {
				c.blue = n
			} else if is {
				c.green = n
			}
		}
		r.counts = append(r.counts, c)
	}
	r.traffic, err = p.traffic(ctx)
	return err
}

// judge finds what did not hold.
func (r *recap) judge() {
	wrong := func(is bool, format string, args ...any) {
		if is {
			r.wrong = append(r.wrong, fmt.Errorf(format, args...))
		}
	}
	for _, one := range r.ran {
		if one.err != nil {
			r.wrong = append(r.wrong, one.err)
		}
	}
	for _, step := range r.steps() {
		result, err := readReport(r.reports, step)
		wrong(err != nil, "the report of %d. %s: %v", step.Number, step.Name, err)
		if err == nil {
			wrong(result.ExitCode != 0 || !good(result.Verdict), "%d. %s: %s %s", step.Number, step.Name, result.Verdict, result.Why)
		}
	}
	serves := "green"
	if r.back != nil {
		serves = "blue"
		r.judgeBack(wrong)
	} else {
		for _, c := range r.counts {
			wrong(c.green != c.data, "%s has %d documents in green, and %d in the data API", c.alias, c.green, c.data)
		}
	}
	wrong(len(r.load.ByApp) < 2, "live requests were to be answered by blue and by green: %v", r.load.ByApp)
	wrong(r.load.Failed > 0, "%d live requests failed", r.load.Failed)
	for _, f := range r.load.Failures {
		wrong(true, "  %s %s, answered by %q: %s", f.At.UTC().Format(time.RFC3339), f.Path, f.App, f.Reason)
	}
	wrong(r.edits.Edits == 0, "nobody edited anything")
	wrong(r.edits.Unheard > 0, "the live index was not told of %d edits: %s", r.edits.Unheard, strings.Join(r.edits.Failures, "; "))
	wrong(!strings.HasPrefix(r.traffic, serves), "live traffic was to be at %s alone: %q", serves, r.traffic)
}

// failed tells whether a process failed.
func (r *recap) failed() bool {
	return slices.ContainsFunc(r.ran, func(one ran) bool { return one.err != nil })
}

func good(v runner.Verdict) bool { return v == runner.Done || v == runner.Nothing }

// readReport reads both files of a stage's report; the XML has to be well formed.
func readReport(dir string, step runner.Step) (runner.Result, error) {
	return readFrom(base(dir, step))
}

func readFrom(base string) (runner.Result, error) {
	var result runner.Result
	text, err := os.ReadFile(base + ".json")
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(text, &result); err != nil {
		return result, err
	}
	f, err := os.Open(base + ".xml")
	if err != nil {
		return result, err
	}
	defer f.Close()
	d := xml.NewDecoder(f)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return result, nil
		} else if err != nil {
			return result, err
		}
	}
}

func base(dir string, step runner.Step) string {
	return filepath.Join(dir, fmt.Sprintf("%02d-%s", step.Number, step.Name))
}

// write writes the recap for people.
func (r *recap) write(w io.Writer) {
	fmt.Fprintf(w, "\nStage                     Verdict      Time  Report\n")
	for _, step := range r.steps() {
		verdict, took, file := "not run", "", ""
		if result, err := readReport(r.reports, step); err == nil {
			verdict, took, file = string(result.Verdict), seconds(result.Duration), base(r.reports, step)+".xml"
		}
		fmt.Fprintf(w, "%2d. %-21s %-9s %7s  %s\n", step.Number, step.Name, verdict, took, file)
	}
	again := 0
	for _, one := range r.ran {
		if one.again {
			again++
		}
	}
	if r.back != nil {
		r.writeBack(w)
	}
	fmt.Fprintf(w, "%d processes, of which %d only said that switch had done their step. %s in all.\n", len(r.ran), again, seconds(r.took))

	fmt.Fprintf(w, "\n%-40s %8s %8s %8s\n", "Documents", "data API", "green", "blue")
	for _, c := range r.counts {
		fmt.Fprintf(w, "%-40s %8s %8s %8s\n", c.alias, number(c.data), number(c.green), number(c.blue))
	}
	went := "Blue"
	if r.back != nil {
		went = "Green"
	}
	fmt.Fprintf(w, "%s went in the end, with its Elasticsearch; %s edits were made during the migration.\n", went, number(r.edits.Edits))

	fmt.Fprintf(w, "\nLive requests: %s made, %s failed; %s answered by blue, %s by green; p50 %.0f ms, p99 %.0f ms\n",
		number(r.load.Sent), number(r.load.Failed), number(r.load.ByApp[blueApp]), number(r.load.Sent-r.load.ByApp[blueApp]), r.load.P50, r.load.P99)
	fmt.Fprintf(w, "Live traffic:  %s\n", r.traffic)
	fmt.Fprintf(w, "Log:           %s\n\n", filepath.Join(r.reports, "log.txt"))
	if len(r.wrong) == 0 {
		fmt.Fprintln(w, "All of it held.")
	} else {
		fmt.Fprintln(w, "Not all of it held.")
	}
}

// blueApp is the name with which the containers of the live app were started.
const blueApp = "search-api"

func number(n int) string {
	if n < 0 {
		return "-"
	}
	return runner.Number(n)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
