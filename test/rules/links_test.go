package rules

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the Markdown files of the repository, by their slashed path from its root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if entry.IsDir() && relative != "." && (strings.HasPrefix(entry.Name(), ".") || ignored(t, relative)) {
			return filepath.SkipDir
		}
		if filepath.Ext(file) != ".md" {
			return nil
		}
		text, err := os.ReadFile(file)
		all[filepath.ToSlash(relative)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("only %d documents: this looks at the wrong folder", len(all))
	}
	return all
}

// anchors are what a link can name after "#": the headings of a document, as GitHub writes them.
func anchors(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}

// linkRule finds relative links, anchors and paths between backticks that lead nowhere. there reports whether a file or folder
// is there, by its path from the root.
func linkRule(documents map[string]string, there func(string) bool) []string {
	link := regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]*))?\)`)
	named := regexp.MustCompile("`(?:\\./)?((?:stages|cmd|jenkins|test|scripts)/[A-Za-z0-9_./-]*)[` ]")
	var found []string
	for file, text := range documents {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to := file
			if m[1] != "" {
				to = path.Join(path.Dir(file), m[1])
			}
			switch {
			case !there(to):
				found = append(found, fmt.Sprintf("%s links to %s, which is not there", file, to))
			case m[2] != "" && !slices.Contains(anchors(documents[to]), m[2]):
				found = append(found, fmt.Sprintf("%s links to #%s, which is no heading of %s", file, m[2], to))
			}
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if !there(strings.TrimSuffix(m[1], "/")) {
				found = append(found, fmt.Sprintf("%s names %s, which is not there", file, m[1]))
			}
		}
	}
	slices.Sort(found)
	return found
}

// A newcomer follows the links, and opens what a document names.
func TestWhatDocumentsNameIsThere(t *testing.T) {
	other := "# Other\n\n## Add a stage?\n"
	for name, e := range map[string]struct {
		text   string
		broken bool
	}{
		"a link":                       {"[x](stages/README.md)", false},
		"a link to nothing":            {"[x](stages/README.txt)", true},
		"a heading":                    {"[x](stages/README.md#add-a-stage)", false},
		"no heading":                   {"[x](stages/README.md#add-two)", true},
		"a heading of its own":         {"# It\n[x](#it)", false},
		"no heading of its own":        {"# It\n[x](#that)", true},
		"another site":                 {"[x](https://example.com/a#b)", false},
		"a path":                       {"see `stages/README.md` and `stages/`", false},
		"a path that is not there":     {"see `stages/a.go`", true},
		"a command":                    {"run `scripts/demo --quick`", false},
		"a command that is not there":  {"run `./scripts/dem --quick`", true},
		"a file that a program writes": {"see `reports/09-map-live-route.xml`", false},
	} {
		exists := func(p string) bool {
			return slices.Contains([]string{"README.md", "stages", "stages/README.md", "scripts/demo"}, p)
		}
		found := linkRule(map[string]string{"README.md": e.text, "stages/README.md": other}, exists)
		if broken := len(found) > 0; broken != e.broken {
			t.Errorf("%s: broken is %v, want %v: %q", name, broken, e.broken, found)
		}
	}
	complain(t, "what a document links to or names is there", linkRule(documents(t), func(p string) bool {
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(p)))
		return err == nil
	}))
}
