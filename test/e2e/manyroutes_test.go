package e2e

import (
	"fmt"
	"strconv"
	"strings"
)

// mapRoutes puts an app on as many more routes; a third argument tells their hosts from those of another call.
func (s *story) mapRoutes(args []string) {
	s.need(args, 2, 3)
	number, err := strconv.Atoi(args[1])
	s.ts.Check(err)
	w := s.world
	app, space, domain := w.app(args[0]), w.guid("/v3/spaces"), w.guid("/v3/domains")
	for n := range number {
		var made struct {
			GUID string `json:"guid"`
		}
		w.cf("POST", "/v3/routes", map[string]any{
			"host":          fmt.Sprintf("supplier-frontend-%d%s", n, strings.Join(args[2:], "")),
			"relationships": map[string]any{"space": to(space), "domain": to(domain)},
		}, &made)
		w.cf("POST", "/v3/routes/"+made.GUID+"/destinations", map[string]any{"destinations": []any{map[string]any{"app": map[string]any{"guid": app}}}}, nil)
	}
}
