package platform

import (
	"regexp"
	"strings"
)

// requirement is one part of a label selector.
type requirement struct {
	key    string
	not    bool
	exists bool
	values []string
}

// The forms of a requirement, with the spaces that they allow (ccng: app/models/helpers/metadata_helpers.rb).
var (
	selectorParts = regexp.MustCompile(`(?:\(.*?\)|[^,])+`)
	setForm       = regexp.MustCompile(`^(.*?) (in|notin) \((.*)\)$`)
	equalForm     = regexp.MustCompile(`^([\w\-._/]+)(==?|!=)(.*)$`)
	existForm     = regexp.MustCompile(`^(!?)([\w\-._/]+)$`)
)

const mostRequirements = 50

// checkSelector reads "a=b,c in (d,e),!f" (ccng: app/messages/validators/label_selector_requirement_validator.rb).
func (q *query) checkSelector() {
	if !q.raw.Has("label_selector") {
		return
	}
	parts := selectorParts.FindAllString(q.raw.Get("label_selector"), -1)
	switch {
	case len(parts) == 0:
		q.wrong("Missing label_selector value")
	case len(parts) > mostRequirements:
		q.wrong("Too many label_selector requirements (maximum is %d)", mostRequirements)
	default:
		for _, part := range parts {
			q.require(part)
		}
	}
}

func (q *query) require(part string) {
	var r requirement
	if m := setForm.FindStringSubmatch(part); m != nil {
		r = requirement{key: m[1], not: m[2] == "notin", values: strings.Split(m[3], ",")}
	} else if m := equalForm.FindStringSubmatch(part); m != nil {
		r = requirement{key: m[1], not: m[2] == "!=", values: []string{m[3]}}
	} else if m := existForm.FindStringSubmatch(part); m != nil {
		r = requirement{key: m[2], not: m[1] == "!", exists: true}
	} else {
		q.wrong("Invalid label_selector value")
		return
	}
	if problem := keyProblem(r.key); problem != "" {
		q.wrong("%s", problem)
		return
	}
	for _, v := range r.values {
		if problem := valueProblem(v); problem != "" {
			q.wrong("%s", problem)
			return
		}
	}
	q.selector = append(q.selector, r)
}

func (q *query) matchesLabels(r *record) bool {
	for _, want := range q.selector {
		value, ok := r.labels[want.key]
		holds := ok
		if !want.exists {
			holds = ok && contains(want.values, value)
		}
		if holds == want.not {
			return false
		}
	}
	return true
}
