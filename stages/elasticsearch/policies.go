package elasticsearch

import (
	"context"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// thePolicies gives the app network policies, which no manifest holds.
func (m *making) thePolicies(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	missing, err := m.missingPolicies(ctx, app)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	return []runner.Task{{
		Effect: runner.Creates, Name: "copy the network policies", ByHand: "cf add-network-policy " + m.name + " …",
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := m.need(ctx)
			if err != nil {
				return err
			}
			missing, err := m.missingPolicies(ctx, app)
			if err != nil {
				return err
			}
			o.Say("%s", runner.Count(len(missing), "policy", "policies"))
			return m.cf.AddNetworkPolicies(ctx, missing)
		},
	}}, nil
}

// missingPolicies are those that the app has not; all of them where there is no
// app yet.
func (m *making) missingPolicies(ctx context.Context, app *cloudfoundry.App) ([]cloudfoundry.NetworkPolicy, error) {
	if app == nil || len(m.policies) == 0 {
		return m.policies, nil
	}
	have, err := m.cf.NetworkPolicies(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(renamed(m.policies, m.like, app.GUID), func(p cloudfoundry.NetworkPolicy) bool { return slices.Contains(have, p) }), nil
}

// bluePolicies are blue's, as source and as destination.
func (s *Site) bluePolicies(ctx context.Context) ([]cloudfoundry.NetworkPolicy, error) {
	b, err := s.recorded()
	if err != nil {
		return nil, err
	}
	return s.cf.NetworkPolicies(ctx, b.App)
}

func renamed(policies []cloudfoundry.NetworkPolicy, from, to string) []cloudfoundry.NetworkPolicy {
	out := append([]cloudfoundry.NetworkPolicy(nil), policies...)
	for i := range out {
		if out[i].SourceGUID == from {
			out[i].SourceGUID = to
		}
		if out[i].DestinationGUID == from {
			out[i].DestinationGUID = to
		}
	}
	return out
}
