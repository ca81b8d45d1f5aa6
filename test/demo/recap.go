package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
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
	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// recap is the result of a rehearsal.
type recap struct {
	runs   []processRun
	counts []counts
	load   sandbox.Tally
	edits  sandbox.WriterTally
	// traffic is where live traffic is at the end, in the program's words.
	traffic string
	reports string
	took    time.Duration
	// rollback is set where that was rehearsed.
	rollback *rollback
	// failures are the checks that failed.
	failures []error
}

// counts are the documents of one alias in the data API and in each Elasticsearch; -1 where there is no such index.
type counts struct {
	alias             string
	data, blue, green int
}

// measure stops edits and readers and counts the documents; before are those at the start, by service and alias.
func (r *recap) measure(ctx context.Context, box *rig.Sandbox, before map[string]map[string]int, p *program) (err error) {
	if r.edits, err = box.StopEdits(ctx); err != nil {
		return err
	}
	if r.load, err = box.StopReaders(ctx); err != nil {
		return err
	}
	after, err := documents(ctx, box)
	if err != nil {
		return err
	}
	env := box.Env
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
		for guid, byAlias := range after {
			n, is := byAlias[c.alias]
			if _, isBlue := before[guid]; is && isBlue {
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

// check adds to failures what is wrong with the result.
func (r *recap) check() {
	for _, one := range r.runs {
		if one.err != nil {
			r.failures = append(r.failures, one.err)
		}
	}
	for _, step := range r.steps() {
		r.checkReport(base(r.reports, step), fmt.Sprintf("%d. %s", step.Number, step.Name))
	}
	serves := "green"
	if r.rollback != nil {
		serves = "blue"
		r.checkRollback()
	} else {
		for _, c := range r.counts {
			r.failIf(c.green != c.data, "%s has %d documents in green, and %d in the data API", c.alias, c.green, c.data)
		}
	}
	r.failIf(len(r.load.ByApp) < 2, "live requests were not answered by both blue and green: %v", r.load.ByApp)
	r.failIf(r.load.Failed > 0, "%d live requests failed", r.load.Failed)
	for _, f := range r.load.Failures {
		r.failIf(true, "  %s %s, answered by %q: %s", f.At.UTC().Format(time.RFC3339), f.Path, f.App, f.Reason)
	}
	r.failIf(r.edits.Edits == 0, "no edits were made")
	r.failIf(r.edits.Unheard > 0, "%d edits did not reach the live index: %s", r.edits.Unheard, strings.Join(r.edits.Failures, "; "))
	r.failIf(!strings.HasPrefix(r.traffic, serves), "live traffic is not on %s alone: %q", serves, r.traffic)
}

func (r *recap) failIf(is bool, format string, args ...any) {
	if is {
		r.failures = append(r.failures, fmt.Errorf(format, args...))
	}
}

// checkReport wants the report in these two files to be whole and its stage to have succeeded.
func (r *recap) checkReport(base, stage string) {
	result, err := readReport(base)
	if err != nil {
		r.failIf(true, "the report of %s: %v", stage, err)
		return
	}
	r.failIf(result.ExitCode != 0 || !good(result.Verdict), "%s: %s %s", stage, result.Verdict, result.Why)
}

// failed reports whether a process failed.
func (r *recap) failed() bool {
	return slices.ContainsFunc(r.runs, func(one processRun) bool { return one.err != nil })
}

func good(v runner.Verdict) bool { return v == runner.Done || v == runner.Nothing }

// readReport reads both files of a stage's report, base.json and base.xml; the XML has to be well formed.
func readReport(base string) (runner.Result, error) {
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

// base is the path of a stage's report without the extension.
func base(dir string, step runner.Step) string {
	return filepath.Join(dir, fmt.Sprintf("%02d-%s", step.Number, step.Name))
}

// write prints the recap.
func (r *recap) write(w io.Writer) {
	fmt.Fprintf(w, "\nStage                     Verdict      Time  Report\n")
	for _, step := range r.steps() {
		verdict, took, file := "not run", "", ""
		if result, err := readReport(base(r.reports, step)); err == nil {
			verdict, took, file = string(result.Verdict), seconds(result.Duration), base(r.reports, step)+".xml"
		}
		writeStage(w, step, verdict, took, file)
	}
	removed := "Blue"
	if r.rollback != nil {
		removed = "Green"
		r.writeRollback(w)
	}
	again := 0
	for _, one := range r.runs {
		if one.again {
			again++
		}
	}
	fmt.Fprintf(w, "%d processes in %s; %d of them skipped a stage that switch had completed.\n", len(r.runs), seconds(r.took), again)

	fmt.Fprintf(w, "\n%-40s %8s %8s %8s\n", "Documents", "data API", "green", "blue")
	for _, c := range r.counts {
		fmt.Fprintf(w, "%-40s %8s %8s %8s\n", c.alias, number(c.data), number(c.green), number(c.blue))
	}
	fmt.Fprintf(w, "%s's Elasticsearch was removed at the end; %s edits were made during the run.\n", removed, number(r.edits.Edits))

	fmt.Fprintf(w, "\nLive requests: %s made, %s failed; %s answered by blue, %s by green; p50 %.0f ms, p99 %.0f ms\n",
		number(r.load.Sent), number(r.load.Failed), number(r.load.ByApp[blueApp]), number(r.load.Sent-r.load.ByApp[blueApp]), r.load.P50MS, r.load.P99MS)
	fmt.Fprintf(w, "Live traffic:  %s\n", r.traffic)
	fmt.Fprintf(w, "Log:           %s\n\n", filepath.Join(r.reports, "log.txt"))
	if len(r.failures) == 0 {
		fmt.Fprintln(w, "All checks passed.")
	} else {
		fmt.Fprintln(w, "Some checks failed.")
	}
}

func writeStage(w io.Writer, step runner.Step, verdict, took, report string) {
	fmt.Fprintf(w, "%2d. %-21s %-9s %7s  %s\n", step.Number, step.Name, verdict, took, report)
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
