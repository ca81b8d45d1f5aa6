package situation_test

import (
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// A runbook that replaces no service, and in which nothing follows the traffic, speaks of neither.
func TestWithoutABackingServiceNoneIsSpokenOf(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(*upgradeOfTest)
		back  string
	}{
		"green alone": {func(*upgradeOfTest) {}, "safe, seconds to minutes: blue runs; it is mapped again"},
		"blue is stopped": {
			func(u *upgradeOfTest) { u.must(u.cf.Apps.Stop(u.ctx, u.blue().App)) },
			"safe, minutes: blue is started and mapped again",
		},
		"blue is deleted, and recorded": {
			func(u *upgradeOfTest) {
				u.must(u.run.Set(u.ctx, upgrade.FactBlueMadeOf, "{}"))
				u.must(u.cf.Apps.Delete(u.ctx, u.blue().App))
			},
			"safe, minutes: blue is rebuilt from image " + image + " and mapped again; then the names go back",
		},
		"blue is deleted": {
			func(u *upgradeOfTest) { u.must(u.cf.Apps.Delete(u.ctx, u.blue().App)) },
			"by hand only: blue is deleted; push image " + image,
		},
		"the run is complete": {
			func(u *upgradeOfTest) { u.renamed(); u.must(u.run.Retire(u.ctx)); u.forget() },
			"there is no rollback: blue is deleted",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := begin(t)
			u.switched()
			c.reach(u)
			u.Backing, u.CatchUp = nil, false
			now, err := u.Now(u.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if now.Back != c.back {
				t.Errorf("a rollback: %q, want %q", now.Back, c.back)
			}
			if !u.run.Exists() {
				return // A new run would begin with green, which has no image here.
			}
			subjects := u.subjects()
			for _, s := range subjects {
				if strings.Contains(s.Name, "service") || strings.Contains(s.Now, "on service") {
					t.Errorf("subject %s: %s", s.Name, s.Now)
				}
			}
		})
	}
}
