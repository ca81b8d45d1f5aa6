package elasticsearch

import (
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

func TestWhoseAChangeIs(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	s := &Site{
		Settings: Settings{CF: cloudfoundry.Settings{Username: "Build@example.com"}},
		run:      &journal.Run{Complete: map[string]journal.Completion{"push-app": {Started: at, Ended: at.Add(time.Minute)}}},
	}
	const update, us = "audit.app.update", "build@example.com"
	inside, outside := at.Add(30*time.Second), at.Add(time.Hour)
	for name, c := range map[string]struct {
		event  cloudfoundry.Event
		lease  report.LeaseStatus
		ignore bool
		theirs bool
		unsure bool
	}{
		"ours, while a stage worked":               {event: cloudfoundry.Event{Type: update, Actor: us, ActorType: "user", At: inside}},
		"ours, while the lease is held":            {event: cloudfoundry.Event{Type: update, Actor: us, ActorType: "user", At: outside}, lease: report.LeaseStatus{Held: true, Since: outside}},
		"our account, before the lease was taken":  {event: cloudfoundry.Event{Type: update, Actor: us, ActorType: "user", At: outside}, lease: report.LeaseStatus{Held: true, Since: outside.Add(time.Hour)}, theirs: true, unsure: true},
		"our account, while nothing worked":        {event: cloudfoundry.Event{Type: update, Actor: us, ActorType: "user", At: outside}, theirs: true, unsure: true},
		"our account, what no stage does":          {event: cloudfoundry.Event{Type: "audit.app.restart", Actor: us, ActorType: "user", At: inside}, theirs: true},
		"another account, while a stage worked":    {event: cloudfoundry.Event{Type: update, Actor: "you@example.com", ActorType: "user", At: inside}, theirs: true},
		"a crash":                                  {event: cloudfoundry.Event{Type: "app.crash", Actor: "search-api", ActorType: "app", At: inside}, theirs: true},
		"the same crash, as its process's":         {event: cloudfoundry.Event{Type: "audit.app.process.crash", Actor: "web", ActorType: "process", At: inside}, ignore: true},
		"the process's own":                        {event: cloudfoundry.Event{Type: "audit.app.process.ready", Actor: "web", ActorType: "process", At: outside}, ignore: true},
		"ours, as the build goes on":               {event: cloudfoundry.Event{Type: "audit.app.build.staged", Actor: us, ActorType: "user", At: inside}},
		"ours, as the app is started":              {event: cloudfoundry.Event{Type: "audit.app.revision.create", Actor: us, ActorType: "user", At: inside}},
		"the platform's own":                       {event: cloudfoundry.Event{Type: "audit.app.droplet.create", Actor: "system", ActorType: "system", At: outside}, ignore: true},
		"a look at the environment, by whomsoever": {event: cloudfoundry.Event{Type: "audit.app.environment.show", Actor: "you@example.com", ActorType: "user", At: outside}, ignore: true},
	} {
		change, report := s.judge(c.event, c.lease)
		if report == c.ignore || (change != nil) != c.theirs || change != nil && (change.Unsure != "") != c.unsure {
			t.Errorf("%s: reported %t, as %+v", name, report, change)
		}
	}
}

func TestAClientKnowsItself(t *testing.T) {
	s := &Site{Settings: Settings{CF: cloudfoundry.Settings{ClientID: "robot"}}}
	for _, e := range []cloudfoundry.Event{{Actor: "robot"}, {ActorGUID: "robot"}} {
		if !s.isUs(e) {
			t.Errorf("%+v is not us", e)
		}
	}
	if s.isUs(cloudfoundry.Event{Actor: "", ActorGUID: "other"}) {
		t.Error("another client is us")
	}
}
