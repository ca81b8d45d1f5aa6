package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/upgrade/export"
)

// Export describes the space for a rehearsal. It reads, and writes nothing.
func (s *Site) Export(ctx context.Context) (*export.Space, error) {
	n := s.Settings
	out := &export.Space{
		Stage: n.Stage, LiveApp: n.LiveApp, LiveRoute: n.LiveRoute, Service: n.Service, Variable: n.ServiceVar, Offering: n.Offering,
		Settings: map[string]string{}, Documents: map[string]int{},
	}
	for name, value := range map[string]string{
		"SERVICE_PLAN": n.Plan, "SERVICE_OFFERING": n.Offering, "NEW_APP": n.NewApp, "NEW_SERVICE": n.NewService, "OLD_APP": n.OldApp,
		"OLD_SERVICE": n.OldService, "TEMPORARY_ROUTE": n.TemporaryRoute, "PRIVATE_ROUTE": n.PrivateRoute, "ALSO_BOUND": n.AlsoBound,
	} {
		if value != "" {
			out.Settings[name] = value
		}
	}
	if err := export.Read(ctx, s.platform, out); err != nil {
		return nil, err
	}
	for _, index := range s.indices {
		total, err := s.apis.data.Total(ctx, index.Kind, index.Frameworks)
		if err != nil {
			return nil, err
		}
		out.Documents[index.Alias.String()] = total
	}
	return out, nil
}
