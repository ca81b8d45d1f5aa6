package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// The limits of what an operator waits for interactively.
const (
	startMost = 20 * time.Millisecond
	skipMost  = 100 * time.Millisecond
	dryMost   = 2 * time.Second
)

// starts are the rows of how long the program takes to start: its help, and the report of missing settings.
func (b *bench) starts(ctx context.Context) error {
	if !b.wants("start") {
		return nil
	}
	for _, args := range []string{"elasticsearch status --help", "elasticsearch status"} {
		var all []time.Duration
		for range 20 {
			// Without any setting the program exits with 2 before it asks anything.
			p, err := rig.RunToEnd(ctx, rig.Command{Path: filepath.Join(b.bin, "cutover"), Args: strings.Fields(args)})
			if p == nil || p.ExitCode() < 0 || p.ExitCode() > 2 {
				return err
			}
			all = append(all, p.Took())
		}
		what := "`cutover " + args + "`"
		if !strings.HasSuffix(args, "help") {
			what += " without settings"
		}
		took := middle(all)
		b.row(what, most(startMost), ms(took), "", took < startMost)
	}
	return nil
}

// skips is the row of a stage that is complete.
func (b *bench) skips(ctx context.Context) error {
	if !b.wants("skip") {
		return nil
	}
	x, err := b.sandbox(ctx, false, "--put-time=0", "--documents=500")
	if err != nil {
		return err
	}
	defer x.end()
	if _, err := b.run(ctx, x, "run", "--to", "verify-indices"); err != nil {
		return err
	}
	slowest, which := time.Duration(0), ""
	for _, stage := range []string{"check-release", "create-service", "generate-manifest", "edit-manifest", "push-app", "check-apps", "build-indices", "verify-indices"} {
		took, err := b.repeated(ctx, x, 5, stage)
		if err != nil {
			return err
		}
		if took > slowest {
			slowest, which = took, stage
		}
	}
	n, err := b.requests(ctx, x, which)
	if err != nil {
		return err
	}
	b.row("a complete stage is skipped; the slowest of 1 to 8", most(skipMost), fmt.Sprintf("%s (%s, %d requests)", ms(slowest), which, n), "", slowest < skipMost)
	return nil
}

// dryRuns are the rows of a dry run of the whole runbook, at full size: before the first stage, and in the middle.
func (b *bench) dryRuns(ctx context.Context) error {
	if !b.wants("dry-run") {
		return nil
	}
	x, err := b.sandbox(ctx, false, "--put-time=0")
	if err != nil {
		return err
	}
	defer x.end()
	for _, when := range []string{"from nothing", "after step 8"} {
		if when != "from nothing" {
			if _, err := b.run(ctx, x, "run", "--to", "verify-indices"); err != nil {
				return err
			}
		}
		for _, args := range [][]string{{"plan"}, {"run", "--dry-run"}} {
			took, err := b.repeated(ctx, x, 5, args...)
			if err != nil {
				return err
			}
			n, err := b.requests(ctx, x, args...)
			if err != nil {
				return err
			}
			b.row(fmt.Sprintf("`%s` %s, 36,311 services", strings.Join(args, " "), when), most(dryMost), fmt.Sprintf("%s (%d requests)", ms(took), n), "", took < dryMost)
		}
	}
	return nil
}

// repeated is the median time of so many runs of the program.
func (b *bench) repeated(ctx context.Context, x *box, times int, args ...string) (time.Duration, error) {
	var all []time.Duration
	for range times {
		p, err := b.run(ctx, x, args...)
		if err != nil {
			return 0, err
		}
		all = append(all, p.Took())
	}
	return middle(all), nil
}

// requests runs the program once more, and counts the requests that it makes.
func (b *bench) requests(ctx context.Context, x *box, args ...string) (int, error) {
	sum := 0
	var ids []string
	for _, place := range []string{"cloud-controller", "uaa", "log-cache", "search-api", "data-api"} {
		id, err := x.Count(ctx, faults.Fault{Place: place, UserAgent: "^cutover/"})
		if err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	if _, err := b.run(ctx, x, args...); err != nil {
		return 0, err
	}
	for _, id := range ids {
		f, err := x.Fault(ctx, id)
		if err != nil {
			return 0, err
		}
		sum += f.Hits
	}
	return sum, nil
}

// middle is the median.
func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// most is a limit in words.
func most(d time.Duration) string { return "under " + d.String() }

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000) }
