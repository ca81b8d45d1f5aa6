package data

import (
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// brief is a row of the briefs table.
type brief struct {
	id           int
	framework    uint8
	lot          uint8
	copied       bool
	week         bool // requirementsLength is "1 week"
	created      time.Time
	updated      time.Time
	published    time.Time // zero for a draft
	withdrawn    time.Time
	cancelled    time.Time
	unsuccessful time.Time
	pending      int // id of the response that is to be awarded
	awarded      int // id of the response that was awarded
	questions    []question
}

type question struct {
	text, answer string
	at           time.Time
}

// status depends on the clock (models/main.py: Brief.status): nothing is written when a brief closes.
func (b *brief) status(now time.Time) string {
	switch {
	case !b.withdrawn.IsZero():
		return "withdrawn"
	case b.published.IsZero():
		return "draft"
	case b.closes().After(now):
		return "live"
	case !b.cancelled.IsZero():
		return "cancelled"
	case !b.unsuccessful.IsZero():
		return "unsuccessful"
	case b.awarded != 0:
		return "awarded"
	}
	return "closed"
}

// closes is applicationsClosedAt: the last second of the day one or two weeks after that of publication
// (dmutils/dates.py: get_publishing_dates).
func (b *brief) closes() time.Time {
	days := 14
	if b.week {
		days = 7
	}
	return endOfDay(b.published).AddDate(0, 0, days)
}

func (b *brief) questionsClose() time.Time {
	days := 5
	if b.week {
		days = 2
	}
	return workday(endOfDay(b.published), days)
}

func endOfDay(t time.Time) time.Time {
	return t.UTC().Truncate(24 * time.Hour).Add(24*time.Hour - time.Second)
}

// workday is n working days after t, before it if n is negative.
func workday(t time.Time, n int) time.Time {
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for n > 0 {
		t = t.AddDate(0, 0, step)
		if d := t.Weekday(); d != time.Saturday && d != time.Sunday {
			n--
		}
	}
	return t
}

// makeBriefs generates the briefs table: the oldest briefs in the first framework, the newest live, a few drafts in
// between, and gaps where drafts were deleted.
func makeBriefs(seed uint64, count, frameworks int, epoch time.Time) []brief {
	latest := uint8(firstDOS + frameworks - 1)
	drafts := (count + 19) / 20
	total := count + drafts
	live := min(count, count/30+3)
	rows := make([]brief, 0, total)
	id := 1
	published := 0
	for i := range total {
		r := mix(seed, 0xb1, uint64(i))
		id += 1 + r.n(3)
		b := brief{id: id, lot: uint8(outcomes + r.n(3)), week: r.chance(15), copied: r.chance(10)}
		b.framework = uint8(firstDOS + i*frameworks/total)
		isDraft := r.n(total-i) < drafts
		if isDraft {
			drafts--
			b.framework = latest
			b.created = epoch.Add(-time.Duration(1+r.n(60*86400)) * time.Second)
			b.updated = b.created
			rows = append(rows, b)
			continue
		}
		published++
		var age time.Duration
		if newest := count - published; newest < live {
			b.framework = latest
			days := 15
			if b.week {
				days = 8
			}
			age = time.Duration(1+r.n(days*86400)) * time.Second
		} else {
			span := 1460 * 24 * time.Hour
			age = 16*24*time.Hour + time.Duration(float64(span)*float64(total-i)/float64(total))
			age += time.Duration(r.n(86400)) * time.Second
		}
		b.published = epoch.Add(-age).Add(time.Duration(r.n(1e6)) * time.Microsecond)
		b.created = b.published.Add(-time.Duration(1+r.n(10*86400)) * time.Second)
		b.updated = b.published
		if b.status(epoch) != "live" {
			b.end(&r)
		} else if r.chance(10) {
			b.withdrawn = b.published.Add(time.Duration(1+r.n(3600)) * time.Second)
			b.updated = b.withdrawn
		}
		rows = append(rows, b)
	}
	return rows
}

// end is how a brief ended after it closed.
func (b *brief) end(r *random) {
	after := b.closes().Add(time.Duration(1+r.n(2*86400)) * time.Second)
	switch draw := r.n(100); {
	case draw < 8:
		b.withdrawn = b.published.Add(time.Duration(1+r.n(5*86400)) * time.Second)
		b.updated = b.withdrawn
	case draw < 18:
		b.cancelled, b.updated = after, after
	case draw < 28:
		b.unsuccessful, b.updated = after, after
	case draw < 75:
		b.awarded = 1000 + b.id*7
	}
}

var briefRoles = []string{"agileCoach", "businessAnalyst", "communicationsManager", "contentDesigner", "dataArchitect", "deliveryManager", "designer", "developer", "performanceAnalyst", "portfolioManager", "productManager", "programmeManager", "qualityAssurance", "securityConsultant", "serviceManager", "technicalArchitect", "userResearcher", "webOperations"}

var locations = []string{"Scotland", "North East England", "North West England", "Yorkshire and the Humber", "East Midlands", "West Midlands", "East of England", "Wales", "London", "South East England", "South West England", "Northern Ireland", "International (outside the UK)", "Off-site"}

// document is Brief.serialize without users and questions, as it is in the listing and in the index.
func (b *brief) document(w *world, now time.Time) map[string]any {
	f, l := w.frameworks[b.framework], w.lots[b.lot]
	r := mix(w.seed, 0xb0d, uint64(b.id))
	raw := func(low, high int) flask.Raw { return phrase(nil, &r, r.between(low, high)) }
	m := map[string]any{
		"title": raw(3, 9), "organisation": raw(2, 5), "summary": raw(20, 50), "location": locations[r.n(len(locations))],
		"backgroundInformation": raw(20, 60), "workingArrangements": raw(10, 30), "securityClearance": raw(3, 8),
		"technicalWeighting": 60, "culturalWeighting": 15, "priceWeighting": 25, "numberOfSuppliers": r.between(3, 5),
		"startDate": b.created.AddDate(0, 2, 0).Format(time.DateOnly), "contractLength": []string{"3 months", "6 months", "1 year"}[r.n(3)],
		"essentialRequirements":  flask.Raw(texts(4, 9, 14)(nil, &r)),
		"niceToHaveRequirements": flask.Raw(texts(0, 5, 12)(nil, &r)),
		"culturalFitCriteria":    flask.Raw(texts(2, 5, 8)(nil, &r)),
		"id":                     b.id, "status": b.status(now),
		"frameworkSlug": f.slug, "frameworkFramework": f.family, "frameworkName": f.name, "frameworkStatus": f.status,
		"framework": map[string]string{"family": f.family, "name": f.name, "slug": f.slug, "status": f.status},
		"isACopy":   b.copied, "lot": l.slug, "lotSlug": l.slug, "lotName": l.name,
		"createdAt": stampOf(b.created), "updatedAt": stampOf(b.updated),
		"links": map[string]string{"self": w.base + "/briefs/" + itoa(b.id), "framework": w.base + "/frameworks/" + f.slug},
	}
	if b.lot == specialists {
		m["specialistRole"] = briefRoles[r.n(len(briefRoles))]
	}
	if b.week {
		m["requirementsLength"] = "1 week"
	} else if r.chance(50) {
		m["requirementsLength"] = "2 weeks"
	}
	if !b.published.IsZero() {
		m["publishedAt"] = stampOf(b.published)
		m["applicationsClosedAt"] = stampOf(b.closes())
		m["clarificationQuestionsClosedAt"] = stampOf(b.questionsClose())
		m["clarificationQuestionsPublishedBy"] = stampOf(workday(b.closes(), -1))
		m["clarificationQuestionsAreClosed"] = now.After(b.questionsClose())
	}
	for key, at := range map[string]time.Time{"withdrawnAt": b.withdrawn, "unsuccessfulAt": b.unsuccessful, "cancelledAt": b.cancelled} {
		if !at.IsZero() {
			m[key] = stampOf(at)
		}
	}
	if m["status"] == "awarded" {
		m["awardedBriefResponseId"] = b.awarded
	}
	return m
}
