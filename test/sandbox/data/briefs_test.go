package data

import (
	"context"
	"strings"
	"testing"
	"time"
)

type ctx = context.Context

// digitalmarketplace-api: app/models/main.py, Brief.status: nothing is written when a brief closes, no event is made;
// the last second of the day counts.
func TestBriefsCloseByTheClock(t *testing.T) {
	s := serve(t, Options{Services: 1, Briefs: 300})
	id, at, ok := s.NextClosing()
	if !ok {
		t.Fatal("no brief is live")
	}
	path := "/briefs/" + itoa(id)
	status := func() any { return s.object(path)["briefs"].(map[string]any)["status"] }
	live, events := s.total("/briefs?status=live"), s.total("/audit-events")
	before := s.object(path)["briefs"].(map[string]any)
	want(t, "closing time", strings.HasSuffix(before["applicationsClosedAt"].(string), "T23:59:59.000000Z"), true)
	s.clock.Move(at.Add(-time.Minute).Sub(s.clock.Now()))
	want(t, "a minute before", status(), any("live"))
	s.clock.Move(2 * time.Minute)
	want(t, "a minute after", status(), any("closed"))
	if now := s.total("/briefs?status=live"); now >= live {
		t.Errorf("%d are live, %d were", now, live)
	}
	want(t, "events", s.total("/audit-events"), events)
	want(t, "updatedAt", s.object(path)["briefs"].(map[string]any)["updatedAt"], before["updatedAt"])
}

// digitalmarketplace-scripts: dmscripts/index_to_search_service.py: its two listings together are what the index should
// hold, everything but drafts.
func TestBriefsAreListedInTwoSets(t *testing.T) {
	s := serve(t, Options{Services: 1, Briefs: 300})
	public, withdrawn := s.total("/briefs?status=live,cancelled,unsuccessful,awarded,closed"), s.total("/briefs?status=withdrawn")
	want(t, "sum", public+withdrawn, 300)
	drafts := s.total("/briefs?status=draft")
	want(t, "all", s.total("/briefs"), 300+drafts)
	if withdrawn == 0 || drafts == 0 {
		t.Errorf("%d withdrawn, %d drafts", withdrawn, drafts)
	}
	sum := 0
	for _, f := range []string{"", "-2", "-3", "-4", "-5"} {
		n := s.total("/briefs?framework=digital-outcomes-and-specialists" + f)
		if n == 0 {
			t.Errorf("no briefs in framework %q", f)
		}
		sum += n
	}
	want(t, "by framework", sum, 300+drafts)
	want(t, "frozen for the index", s.PublishedBriefs().Len(), 300)
}

// digitalmarketplace-api: app/main/views/briefs.py, get_brief: a single brief names its users' addresses, a listed one
// does not.
func TestSingleBriefHasUsers(t *testing.T) {
	s := serve(t, Options{Services: 1, Briefs: 10})
	id := s.ids("/briefs", "briefs")[0]
	if !strings.Contains(s.get("/briefs/"+id).body, "emailAddress") {
		t.Error("no users in a single brief")
	}
	if strings.Contains(s.get("/briefs").body, "emailAddress") {
		t.Error("users in the listing")
	}
	if !strings.Contains(s.get("/briefs?with_users=true").body, "emailAddress") {
		t.Error("no users although requested")
	}
	if _, ok := s.object("/briefs/" + id)["briefs"].(map[string]any)["id"].(float64); !ok {
		t.Error("a brief's id is not a number")
	}
}

// digitalmarketplace-api: app/main/views/briefs.py: <state>_on, _before, _after.
func TestBriefDatesAreWholeDays(t *testing.T) {
	s := serve(t, Options{Services: 1, Briefs: 200})
	b := s.object("/briefs?status=awarded")["briefs"].([]any)[0].(map[string]any)
	day := b["publishedAt"].(string)[:10]
	on := s.total("/briefs?published_on=" + day)
	if on == 0 {
		t.Errorf("no brief was published on %s", day)
	}
	drafts := s.total("/briefs?status=draft")
	want(t, "sum", s.total("/briefs?published_before="+day)+on+s.total("/briefs?published_after="+day), s.total("/briefs")-drafts)
}
