package report

import (
	"fmt"
	"path"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/environ"
)

// Settings are those of a runbook, as subjects of a plan. Names may be patterns of
// path.Match: "*_TIMEOUT".
type Settings struct {
	// Values are all but the secrets, as environ.Values lists them.
	Values []environ.Value
	// NotApproved are the names of those that say how fast, for how long or by whom
	// something is done, and not what: they may change after the approval.
	NotApproved []string
	// MayHoldSecrets are the names of those in which people write passwords, though
	// they are no secrets by themselves: a broker's parameters, a command line, an
	// address of git. Their values are compared, and not shown.
	MayHoldSecrets []string
}

// Subjects are the settings that say what is done. One that has its default is not
// there, so that a new version with a new setting agrees with an older plan.
func (s Settings) Subjects() []Subject {
	var all []Subject
	for _, v := range s.Values {
		if matches(s.NotApproved, v.Name) {
			continue
		}
		setting := Subject{Name: v.Name, None: "the default"}
		if !v.Default || v.Name == "STAGE" {
			setting.Now = fmt.Sprintf("%q", v.Text)
		}
		if setting.Now != "" && matches(s.MayHoldSecrets, v.Name) {
			setting.Now, setting.Hidden = "set", v.Text
		}
		all = append(all, setting)
	}
	return all
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		is, err := path.Match(pattern, name)
		return err == nil && is
	})
}
