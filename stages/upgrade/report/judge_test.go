package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
)

func TestWhoseAChangeIs(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	const update, us = "audit.app.update", "build@example.com"
	inside, outside := at.Add(30*time.Second), at.Add(time.Hour)
	stage := period{at, at.Add(time.Minute)}
	for name, c := range map[string]struct {
		event  cloudfoundry.Event
		lease  *period
		ignore bool
		theirs bool
		unsure bool
	}{
		"ours, while a stage worked":              {event: cloudfoundry.Event{Type: update, Actor: us, ActorType: "user", At: inside}},
		"ours, as a stage began":                  {event: cloudfoundry.Event{Type: update, Actor: us, ActorType: "user", At: at}},
		"ours, while the lease is held":           {event: cloudfoundry.Event{Type: update, Actor: us, ActorType: "user", At: outside}, lease: &period{from: outside}},
		"our account, before the lease was held":  {event: cloudfoundry.Event{Type: update, Actor: us, ActorType: "user", At: outside}, lease: &period{from: outside.Add(time.Hour)}, theirs: true, unsure: true},
		"our account, while nothing worked":       {event: cloudfoundry.Event{Type: update, Actor: us, ActorType: "user", At: outside}, theirs: true, unsure: true},
		"our account, what no stage does":         {event: cloudfoundry.Event{Type: "audit.app.restart", Actor: us, ActorType: "user", At: inside}, theirs: true},
		"another account, while a stage worked":   {event: cloudfoundry.Event{Type: update, Actor: "you@example.com", ActorType: "user", At: inside}, theirs: true},
		"a crash":                                 {event: cloudfoundry.Event{Type: "app.crash", Actor: "search-api", ActorType: "app", At: inside}, theirs: true},
		"the same crash, as its process's":        {event: cloudfoundry.Event{Type: "audit.app.process.crash", Actor: "web", ActorType: "process", At: inside}, ignore: true},
		"the process's own":                       {event: cloudfoundry.Event{Type: "audit.app.process.ready", Actor: "web", ActorType: "process", At: outside}, ignore: true},
		"ours, as the build goes on":              {event: cloudfoundry.Event{Type: "audit.app.build.staged", Actor: us, ActorType: "user", At: inside}},
		"ours, as the app is started":             {event: cloudfoundry.Event{Type: "audit.app.revision.create", Actor: us, ActorType: "user", At: inside}},
		"the platform's own":                      {event: cloudfoundry.Event{Type: "audit.app.droplet.create", Actor: "system", ActorType: "system", At: outside}, ignore: true},
		"the environment is read, by whomsoever":  {event: cloudfoundry.Event{Type: "audit.app.environment.show", Actor: "you@example.com", ActorType: "user", At: outside}, ignore: true},
		"ours, though the account is in capitals": {event: cloudfoundry.Event{Type: update, Actor: "BUILD@example.com", ActorType: "user", At: inside}},
	} {
		atWork := periods{stage}
		if c.lease != nil {
			atWork = append(atWork, *c.lease)
		}
		change, counts := judge(c.event, Account{Username: "Build@example.com"}, atWork)
		if counts == c.ignore || (change != nil) != c.theirs || change != nil && (change.Unsure != "") != c.unsure {
			t.Errorf("%s: counts %t, as %+v", name, counts, change)
		}
	}
}

func TestAClientIsRecognisedByNameOrGUID(t *testing.T) {
	client := Account{ClientID: "robot"}
	for _, e := range []cloudfoundry.Event{{Actor: "robot"}, {ActorGUID: "robot"}} {
		if !client.did(e) {
			t.Errorf("%+v is not the client's", e)
		}
	}
	if client.did(cloudfoundry.Event{Actor: "", ActorGUID: "other"}) {
		t.Error("another client's event is the client's")
	}
}

func TestChangesOfOneKindAreOne(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	one := func(event, guid, actor, unsure string, after time.Duration) Change {
		return Change{Event: event, GUID: guid, Actor: actor, Unsure: unsure, Times: 1, First: at.Add(after), Last: at.Add(after)}
	}
	var all []Change
	for _, c := range []Change{
		one("stop", "a", "x", "", 0), one("stop", "a", "x", "", time.Hour), one("start", "a", "x", "", 0),
		one("stop", "b", "x", "", 0), one("stop", "a", "y", "", 0), one("stop", "a", "x", "perhaps", 0),
	} {
		all = gather(all, c)
	}
	twice := one("stop", "a", "x", "", 0)
	twice.Times, twice.Last = 2, at.Add(time.Hour)
	want := []Change{twice, one("start", "a", "x", "", 0), one("stop", "b", "x", "", 0), one("stop", "a", "y", "", 0), one("stop", "a", "x", "perhaps", 0)}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestALeaseIsStaleByThePlatformsClock(t *testing.T) {
	since := time.Date(2026, 11, 23, 1, 0, 0, 0, time.FixedZone("CET", 3600))
	held := &journal.Held{Holder: journal.Holder{Build: "b", Process: "p", Run: "r"}, Since: since, Heartbeat: since.Add(time.Minute)}
	want := LeaseStatus{
		Held: true, Build: "b", Process: "p", Run: "r", Since: since.UTC(), Heartbeat: since.Add(time.Minute).UTC(),
		Age: 182, HeartbeatAge: 122,
	}
	// Two seconds more than 120 may be rounding.
	if diff := cmp.Diff(want, leaseStatus(held, since.Add(182*time.Second), 120*time.Second)); diff != "" {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
	want.Age, want.HeartbeatAge, want.Stale = 183, 123, true
	if diff := cmp.Diff(want, leaseStatus(held, since.Add(183*time.Second), 120*time.Second)); diff != "" {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
	want.Age, want.HeartbeatAge, want.Stale = 0, 0, false
	if diff := cmp.Diff(want, leaseStatus(held, since.Add(-time.Second), 120*time.Second)); diff != "" {
		t.Errorf("a lease that is ahead of the clock (-want +got):\n%s", diff)
	}
}
