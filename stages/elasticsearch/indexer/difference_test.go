package indexer_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
)

// Each document that only one side has is named, whatever the reason, and made what the
// data API says. What was edited since is left to a catch-up.
func TestDifferencesAreNamedAndRepaired(t *testing.T) {
	w := newWorld(t, 350, 20)
	all := w.filled()
	services := all[0]
	page, err := w.source.Services(t.Context(), services.Frameworks, 2)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range page.Documents {
		if d.IsIndexed() {
			ids = append(ids, d.ID)
		}
	}
	others, err := w.source.Services(t.Context(), []string{"g-cloud-11"}, 1)
	if err != nil || len(others.Documents) == 0 {
		t.Fatal("no services of another framework", err)
	}
	lost, unpublished, edited, foreign, raw := ids[0], ids[1], ids[2], others.Documents[0].ID, page.Documents[0].Raw
	w.edit("unpublish-service", unpublished)
	since := time.Now()
	for _, id := range []string{lost, edited} {
		if _, err := w.target.Delete(writing(t), services.Name, services.DocType(), id); err != nil {
			t.Fatal(err)
		}
	}
	w.edit("update-service", edited)
	for _, id := range []string{"90001", foreign} {
		if err := w.target.Put(writing(t), services.Name, services.DocType(), id, raw); err != nil {
			t.Fatal(err)
		}
	}

	stray := []string{unpublished, "90001", foreign}
	slices.Sort(stray)
	found, err := indexer.Differences(t.Context(), w.source, w.target, services, since, 20)
	if diff := cmp.Diff(indexer.Difference{Missing: []string{lost}, Stray: stray, Listed: 349}, found); diff != "" || err != nil {
		t.Errorf("%v, differences (-want +got):\n%s", err, diff)
	}
	if few, err := indexer.Differences(t.Context(), w.source, w.target, services, since, 2); !few.More || len(few.Stray) > 2 || err != nil {
		t.Errorf("of at most two: %+v, %v", few, err)
	}

	report, err := indexer.Repair(writing(t), w.source, w.target, services, slices.Concat(found.Missing, found.Stray), indexer.CatchUpOptions{Pace: quick()})
	if err != nil || report.Put != 1 || report.Deleted != 3 {
		t.Errorf("%+v, %v", report, err)
	}
	if left, err := indexer.Differences(t.Context(), w.source, w.target, services, since, 20); !left.Empty() || err != nil {
		t.Errorf("left: %+v, %v", left, err)
	}
	if _, err := w.catchUp(all, since); err != nil {
		t.Fatal(err)
	}
	w.wantUpToDate(all)
}
