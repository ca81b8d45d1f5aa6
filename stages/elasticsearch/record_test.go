package elasticsearch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Every alias that may be in INDICES can have facts of its own, however long it is and
// however it ends.
func TestAFactOfEveryAlias(t *testing.T) {
	w := newWorld(t)
	seen := map[string]string{}
	for _, text := range []string{"g-cloud-12", "g-cloud-", "g_", strings.Repeat("a", 58), strings.Repeat("a", 59), strings.Repeat("b", 240), "a"} {
		alias, err := searchapi.ParseName(text)
		w.ok(err)
		for _, fact := range []string{factFill(alias), factIndex(alias)} {
			if seen[fact] != "" {
				t.Errorf("%s and %s have one fact", text, seen[fact])
			}
			seen[fact] = text
			w.ok(w.run.Set(w.ctx, fact, indexer.Cursor{Page: 1}))
		}
	}
	for fact := range seen {
		if w.run.Fact(fact) == "" {
			t.Errorf("%s is not recorded", fact)
		}
	}
}

// What is live, and INDICES, may be as large as in no space that we know of; where the
// platform has no room for it, the first stage says so with the number.
func TestTheRecordFits(t *testing.T) {
	for _, c := range []struct {
		routes, indices int
		refused         string
	}{
		{routes: 62, indices: 3},
		{routes: 300, indices: 60},
		{routes: 6000, indices: 3, refused: "6,000 routes of the live app"},
		{routes: 3, indices: 90, refused: "and 214 later, of the 174 that there are"},
	} {
		t.Run(fmt.Sprintf("%d routes, %d indices", c.routes, c.indices), func(t *testing.T) {
			w := newWorld(t)
			w.ok(w.run.Retire(w.ctx))
			_, err := w.run.Load(w.ctx)
			w.ok(err)
			var entries []string
			for n := range c.indices {
				entries = append(entries, fmt.Sprintf(`{"alias":"alias-%d","kind":"services","frameworks":["framework-%d"],"mapping":"services-g-cloud-12"}`, n, n))
			}
			w.Settings.Indices = "[" + strings.Join(entries, ",") + "]"
			indices, err := w.Settings.indices()
			w.ok(err)
			w.indices = indices
			w.run = upgrade.NewRun(upgrade.RunOptions{Journal: w.journal, Platform: w.platform, Settings: w.Settings.fixed(), Milestones: milestones()})
			p := w.prerequisites()
			b, err := p.findBlue(w.ctx)
			w.ok(err)
			for len(b.Routes) < c.routes {
				n := len(b.Routes)
				b.Routes = append(b.Routes, upgrade.LiveRoute{GUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), Address: fmt.Sprintf("supplier-frontend-%d.marketplace.team/with/a/path", n)})
			}
			p.blue = &b
			_, err = w.do(p.beginning.Fits())
			if c.refused != "" {
				if runner.ClassOf(err) != runner.Refused || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("got %v", err)
				}
				return
			}
			w.ok(err)
			tasks, err := p.beginning.Tasks(w.ctx)
			w.ok(err)
			for _, task := range tasks {
				_, err := w.do(task)
				w.ok(err)
			}
			for _, x := range indices {
				w.ok(w.run.SetAll(w.ctx, map[string]string{factFill(x.Alias): `{"page":12,"listed":1100,"put":1100}`, factIndex(x.Alias): `{"name":"x"}`}))
			}
			for _, step := range Runbook(nil).Steps {
				w.ok(w.run.Complete(w.ctx, step.Name, runner.Completion{Verdict: runner.Done}))
			}
			read, err := journal.New(journal.On(w.platform), w.names.LiveApp).Load(w.ctx)
			w.ok(err)
			if len(read.Complete) != len(Runbook(nil).Steps) {
				t.Errorf("%d stages are complete", len(read.Complete))
			}
			_, err = w.run.Load(w.ctx)
			w.ok(err)
			if is, err := w.run.Blue(); err != nil || len(is.Routes) != c.routes {
				t.Errorf("%d routes are read back: %v", len(is.Routes), err)
			}
		})
	}
}

// What was let pass is named and not expected; what is missing besides is wrong, and is
// named alone; what was put after all, unpublished or edited excuses nothing.
func TestWhatWasLetPassIsNotExpected(t *testing.T) {
	for name, c := range map[string]struct {
		// passed are let pass, of which as many as put are there, and missing are missing besides.
		passed, put, missing int
		unpublished, edited  int
		said, want           string
	}{
		"one":                                {passed: 1, said: "g-cloud-12 19 of 20, briefs-digital-outcomes-and-specialists 20 of 20; g-cloud-12 lacks 1 document, let pass: "},
		"none of it is missing any more":     {passed: 2, put: 2, said: "g-cloud-12 20 of 20, briefs-digital-outcomes-and-specialists 20 of 20"},
		"one, and another that was put":      {passed: 2, put: 1, said: "lacks 1 document, let pass: "},
		"one, and another is missing":        {passed: 1, missing: 1, want: "-2, and 0 objects changed since the last catch-up, 1 let pass; the data API alone has "},
		"one that was put, and one missing":  {passed: 1, put: 1, missing: 1, want: "-1, and 0 objects changed since the last catch-up; the data API alone has "},
		"an edit of it does not excuse more": {passed: 1, edited: 1, missing: 1, want: "-2, and 0 objects changed"},
		"one that is unpublished now":        {passed: 1, unpublished: 1, said: "g-cloud-12 19 of 19, "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			since := w.box.Clock().Now()
			all := w.published(services)
			var failed []indexer.Failure
			for i, d := range all[:c.passed] {
				failed = append(failed, indexer.Failure{Alias: w.indices[services].Alias, ID: d.ID, Err: errors.New("immense term")})
				if i >= c.put {
					w.remove(services, d)
				}
			}
			passed := refusals{}
			passed.add(failed)
			w.ok(w.apis.letPass(w.ctx, passed, nil))
			for _, d := range all[10 : 10+c.missing] {
				w.remove(services, d)
			}
			for _, d := range all[:c.unpublished] {
				w.edit("unpublish-service", d.ID)
			}
			for _, d := range all[:c.edited] {
				w.edit("update-service", d.ID) // The live index gets it, and is not meant to.
				w.remove(services, d)
			}
			_, err := w.run.Load(w.ctx) // As another process does.
			w.ok(err)
			o := new(runner.Observation)
			err = w.counts.compare(w.t.Context(), o, w.apis.live(), w.indices.Live(), since, nil)
			if c.want == "" {
				w.ok(err)
			} else if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(strings.SplitAfter(err.Error(), "alone has")[1], all[0].ID) {
				t.Errorf("the error is %v; it should have %q", err, c.want)
			}
			if !strings.Contains(o.Said(), c.said) {
				t.Errorf("it says %q; it should say %q", o.Said(), c.said)
			}
			if lacks := c.passed - c.put - c.unpublished; (lacks > 0) != strings.Contains(o.Detailed(), all[c.passed-1].ID+", which was let pass: immense term") {
				t.Errorf("%d are let pass and missing: %q", lacks, o.Detailed())
			}
		})
	}
}

// As many as MAX_FAILED allows are recorded, and known to the next process.
func TestAsManyDocumentsAsMayFailAreRecorded(t *testing.T) {
	w := newWorld(t)
	for _, number := range []int{200, mostFailed} {
		var failed []indexer.Failure
		for n := range number {
			failed = append(failed, indexer.Failure{Alias: w.indices[services].Alias, ID: fmt.Sprintf("9%014d", n), Err: errors.New(strings.Repeat("why it was refused ", 20))})
		}
		passed := refusals{}
		passed.add(failed)
		w.ok(w.apis.letPass(w.ctx, passed, map[string]string{factFill(w.indices[services].Alias): filled}))
		_, err := w.run.Load(w.ctx)
		w.ok(err)
		read, err := w.apis.refused()
		w.ok(err)
		if ids := read.ids(w.indices.Live()...); len(ids) != number || !ids[failed[number-1].ID] {
			t.Errorf("%d of %d are read back", len(ids), number)
		}
		if size, most, err := journal.Size(map[string]string{factRefused: w.run.Fact(factRefused)}); err != nil || size > 16 {
			t.Errorf("%d documents take %d of %d annotations: %v", number, size, most, err)
		}
	}
}

// Without a run, as for the nightly job, the process knows it.
func TestWithoutARunTheProcessKnowsWhatItLetPass(t *testing.T) {
	w := newWorld(t)
	w.ok(w.run.Retire(w.ctx))
	_, err := w.run.Load(w.ctx)
	w.ok(err)
	d := w.published(services)[0]
	w.remove(services, d)
	passed := refusals{}
	passed.add([]indexer.Failure{{Alias: w.indices[services].Alias, ID: d.ID, Err: errors.New("immense term")}})
	w.ok(w.apis.letPass(w.ctx, passed, nil))
	w.ok(w.counts.compare(w.t.Context(), new(runner.Observation), w.apis.live(), w.indices.Live(), w.box.Clock().Now(), nil))
}
