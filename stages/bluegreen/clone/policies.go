package clone

import (
	"context"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// policies copies the network policies, which no manifest holds.
func (a *App) policies(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	missing, err := a.missingPolicies(ctx, app)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	return []runner.Task{{
		Effect: runner.Creates, Name: "copy the network policies", ByHand: "cf add-network-policy " + a.Name + " …",
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := a.need(ctx)
			if err != nil {
				return err
			}
			missing, err := a.missingPolicies(ctx, app)
			if err != nil {
				return err
			}
			o.Say("%s", runner.Count(len(missing), "policy", "policies"))
			return a.platform().Space.AddNetworkPolicies(ctx, missing)
		},
	}}, nil
}

// missingPolicies are those that the app lacks; all of them where there is no app yet.
func (a *App) missingPolicies(ctx context.Context, app *cloudfoundry.App) ([]cloudfoundry.NetworkPolicy, error) {
	if app == nil || len(a.Policies) == 0 {
		return a.Policies, nil
	}
	have, err := a.platform().Space.NetworkPolicies(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	wanted := withApp(a.Policies, a.PoliciesOf, app.GUID)
	return slices.DeleteFunc(wanted, func(p cloudfoundry.NetworkPolicy) bool { return slices.Contains(have, p) }), nil
}

// withApp copies policies with one app in place of another.
func withApp(policies []cloudfoundry.NetworkPolicy, from, to string) []cloudfoundry.NetworkPolicy {
	out := slices.Clone(policies)
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
