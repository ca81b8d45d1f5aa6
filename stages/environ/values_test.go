package environ_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/environ"
)

func TestValuesAreDecoded(t *testing.T) {
	type settings struct {
		Stage string         `env:"STAGE"`
		Route string         `env:"ROUTE, default=$STAGE.example"`
		Wait  time.Duration  `env:"WAIT, default=60s"`
		Other string         `env:"OTHER"`
		Token environ.Secret `env:"TOKEN"`
	}
	for wait, standard := range map[string]bool{"1m0s": true, "60s": true, "5s": false, "": true} {
		env := map[string]string{"STAGE": "preview", "WAIT": wait, "TOKEN": "t0ken"}
		s, problems := environ.Load[settings](t.Context(), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		text := "1m0s"
		if wait == "5s" {
			text = "5s"
		}
		want := []environ.Value{{"STAGE", "preview", true}, {"ROUTE", "preview.example", true}, {"WAIT", text, standard}, {"OTHER", "", true}}
		if diff := cmp.Diff(want, environ.Values(s, "preview")); diff != "" {
			t.Errorf("WAIT=%q (-want +got):\n%s", wait, diff)
		}
	}
}
