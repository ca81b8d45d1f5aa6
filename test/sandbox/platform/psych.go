package platform

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What the Cloud Controller reads in a manifest is what Ruby's parser makes of it, which is YAML 1.1 and more
// (psych: lib/psych/scalar_scanner.rb).
var (
	rubyTrue   = regexp.MustCompile(`(?i)^(yes|true|on)$`)
	rubyFalse  = regexp.MustCompile(`(?i)^(no|false|off)$`)
	rubyOctal  = regexp.MustCompile(`^[-+]?0[0-7_,]+$`)
	rubyWhole  = regexp.MustCompile(`^[-+]?[1-9]([0-9]|[,_][0-9])*$`)
	rubyBase60 = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9]){1,2}$`)
	rubySymbol = regexp.MustCompile(`^:.`)
)

// rubyReads turns the unquoted scalars of a document into what Ruby takes them for, and reports whether Ruby reads it.
func rubyReads(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode && n.Style == 0 {
		text := strings.NewReplacer(",", "", "_", "").Replace(n.Value)
		switch {
		case rubyTrue.MatchString(n.Value):
			n.Tag, n.Value = "!!bool", "true"
		case rubyFalse.MatchString(n.Value):
			n.Tag, n.Value = "!!bool", "false"
		case rubyOctal.MatchString(n.Value):
			v, _ := strconv.ParseInt(text, 8, 64)
			n.Tag, n.Value = "!!int", strconv.FormatInt(v, 10)
		case rubyWhole.MatchString(n.Value):
			n.Tag, n.Value = "!!int", text
		case rubyBase60.MatchString(n.Value):
			v := 0
			for part := range strings.SplitSeq(strings.TrimLeft(text, "+-"), ":") {
				digit, _ := strconv.Atoi(part)
				v = v*60 + digit
			}
			n.Tag, n.Value = "!!int", strconv.Itoa(v)
		case rubySymbol.MatchString(n.Value):
			return false // a safe load refuses symbols
		}
	}
	for i, one := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue // names of keys are texts, or become texts
		}
		if !rubyReads(one) {
			return false
		}
	}
	return true
}
