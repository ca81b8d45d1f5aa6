package manifest

import "strings"

// Diff shows how one text becomes another, line by line: "-" what goes, "+" what
// comes, " " what stays. It is the longest-common-subsequence diff; manifests are
// short, and the lines of both are shown whole.
func Diff(from, to string) string {
	a, b := lines(from), lines(to)
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

func lines(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }

// Shown returns the manifest with the values of its variables hidden, but for the
// names given: an app's variables hold its tokens and keys, and no one can tell
// from a name which.
func (m *Manifest) Shown(plain ...string) (string, error) {
	text, err := m.Bytes()
	if err != nil {
		return "", err
	}
	copied, err := Parse(text)
	if err != nil {
		return "", err
	}
	show := map[string]bool{}
	for _, name := range plain {
		show[name] = true
	}
	if env := value(copied.app, "env"); env != nil {
		for i := 0; i+1 < len(env.Content); i += 2 {
			if !show[env.Content[i].Value] {
				env.Content[i+1].SetString("***")
			}
		}
	}
	services := value(copied.app, "services")
	if services != nil {
		for _, service := range services.Content {
			remove(service, "parameters")
		}
	}
	out, err := copied.Bytes()
	return string(out), err
}
