package runner

import (
	"strings"
	"testing"
)

func TestNumbersHaveSeparators(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 36311: "36,311", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := Number(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestOneIsNotSeveral(t *testing.T) {
	for n, want := range map[int]string{0: "0 passes", 1: "1 pass", 2: "2 passes", 36311: "36,311 passes"} {
		if got := Count(n, "pass", "passes"); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestALongTextIsCutAtASpace(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"short", "short"},
		{"exactly ten", "exactly … (4 characters left out)"},
		{"tenletters", "tenletters"},
		{strings.Repeat("é", 12), strings.Repeat("é", 10) + " … (2 characters left out)"},
		{"a token: secretsecret", "a token: … (13 characters left out)"},
	} {
		if got := Cut(c.text, 10); got != c.want {
			t.Errorf("%q is cut to %q, want %q", c.text, got, c.want)
		}
	}
}
