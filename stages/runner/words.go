package runner

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Number writes a number with separated thousands: 36,311.
func Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Count writes how many there are of something: "1 pass", "2 passes".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Cut is the beginning of a text that may be too long for where it goes, and how much
// is left out. It ends at a space where there is one, so that no half of a secret is
// left that nobody knows any more.
func Cut(text string, most int) string {
	length := utf8.RuneCountInString(text)
	if length <= most {
		return text
	}
	begin := string([]rune(text)[:most])
	if space := strings.LastIndexAny(begin, " \t\n"); space > 0 {
		begin = begin[:space]
	}
	return fmt.Sprintf("%s … (%s left out)", begin, Count(length-utf8.RuneCountInString(begin), "character", "characters"))
}
