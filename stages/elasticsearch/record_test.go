package elasticsearch

import (
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
