package clone_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// A manifest that is written for a person has secrets in it, and nobody else may read
// it; what is shown of it has none.
func TestManifestsAreForEyesOnly(t *testing.T) {
	w := newWorld(t)
	from := must(w.green.Source.Manifest(w.ctx))(w)
	to, _, err := w.green.Manifest(w.ctx)
	w.ok(err)
	diff := must(w.green.Diff(from, to))(w)
	for _, want := range []string{"\n-     name: search-api\n", "\n+     name: elasticsearch-migration\n", variable + ": \"" + replacedName + "\"\n", "+         binding_name: " + replacedName} {
		if !strings.Contains(diff, want) {
			t.Errorf("the difference lacks %q: %s", want, diff)
		}
	}
	for _, secret := range w.secrets {
		if strings.Contains(diff, secret) {
			t.Errorf("the difference shows %q", secret)
		}
	}

	text := must(to.Bytes())(w)
	file := w.green.File()
	w.ok(os.MkdirAll(filepath.Dir(file.Path), 0o700))
	w.ok(os.WriteFile(file.Path, []byte("for all"), 0o644))
	if file.Holds(text) {
		t.Error("it holds the manifest already")
	}
	w.apply([]runner.Task{file.Write("write", text, diff), file.Written()}, nil)
	if mode := must(os.Stat(file.Path))(w).Mode(); mode != 0o600 || !file.Holds(text) {
		t.Errorf("its mode is %v, it holds the manifest: %t", mode, file.Holds(text))
	}
	if _, err := w.try(clone.File{Path: file.Path, App: "search-api"}.Written()); !runner.IsFinal(err) {
		t.Errorf("as the file of another app: %v", err)
	}
	w.apply(file.Remove(), nil)
	w.planned()(file.Remove(), nil)
}
