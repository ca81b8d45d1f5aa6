package manifest

import "strings"

// Diff shows line by line how one text becomes another: "-" removed, "+" added, " "
// unchanged. It uses the longest common subsequence and shows all lines of both texts,
// because manifests are short.
func Diff(from, to string) string {
	a, b := lines(from), lines(to)
	common := commonLines(a, b)
	var out strings.Builder
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out.WriteString("  " + a[i] + "\n")
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			out.WriteString("- " + a[i] + "\n")
			i++
		default:
			out.WriteString("+ " + b[j] + "\n")
			j++
		}
	}
	return out.String()
}

// commonLines returns in [i][j] the length of the longest common subsequence of a[i:]
// and b[j:].
func commonLines(a, b []string) [][]int {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}

func lines(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }
