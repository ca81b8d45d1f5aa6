package elasticsearch

import (
	"context"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const editManifestHelp = `Makes the new app's manifest of the live app's: another name, the temporary route, the new service in place of the old one and bound under the old one's name, and the variable that says that name. All else stays. Shows the difference, without the values of variables, and writes the file for eyes only (0600).

Refuses where something cannot be carried over: parameters of a binding that the platform does not tell.`

// editManifest shows what green will be made of. To undo it: remove the file.
type editManifest struct{ *Site }

func (e *editManifest) Check() []runner.Task {
	return append(e.ordinary(toBlue),
		runner.Task{Name: "everything of the live app can be carried over", Do: e.carried},
		runner.Task{Name: "the guard of the live routes, for the record", Do: e.guard},
	)
}

// carried sees that bindings, their parameters and network policies can be copied.
func (e *editManifest) carried(ctx context.Context, o *runner.Observation) error {
	_, services, err := e.greenManifest(ctx)
	if err != nil {
		return err
	}
	policies, err := e.bluePolicies(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(services))
	for i, w := range services {
		names[i] = w.Name
	}
	o.Say("services %s; %s", strings.Join(names, ", "), runner.Count(len(policies), "network policy", "network policies"))
	return nil
}

// guard names the route services that the temporary route will not have: until
// the end it is more open than the live routes.
func (e *editManifest) guard(ctx context.Context, o *runner.Observation) error {
	b, err := e.recorded()
	if err != nil {
		return err
	}
	var guarded []string
	for _, route := range b.Routes {
		service, err := e.cf.RouteService(ctx, route.GUID)
		if err != nil {
			return err
		}
		if service != nil {
			guarded = append(guarded, route.Address)
		}
	}
	if len(guarded) == 0 {
		o.Say("no route service on the live routes")
		return nil
	}
	o.Say("a route service guards %s; the temporary route %s will have none and is more open", strings.Join(guarded, ", "), e.Settings.TemporaryRoute)
	return nil
}

func (e *editManifest) Plan(ctx context.Context) ([]runner.Task, error) {
	from, err := e.blueManifest(ctx)
	if err != nil {
		return nil, err
	}
	to, _, err := e.greenManifest(ctx)
	if err != nil {
		return nil, err
	}
	text, err := to.Bytes()
	if err != nil {
		return nil, err
	}
	path := e.manifestPath(e.Settings.NewApp)
	if sameFile(path, text) {
		return nil, nil
	}
	diff, err := shownDiff(from, to, e.Settings.ServiceVar)
	if err != nil {
		return nil, err
	}
	task := e.writeFile("write the new app's manifest", path, text, diff)
	task.Shows = diff
	return []runner.Task{task}, nil
}

func shownDiff(from, to *manifest.Manifest, plain string) (string, error) {
	a, err := from.Redacted(plain)
	if err != nil {
		return "", err
	}
	b, err := to.Redacted(plain)
	if err != nil {
		return "", fmt.Errorf("show the manifest: %w", err)
	}
	return manifest.Diff(a, b), nil
}

func (e *editManifest) Verify() []runner.Task {
	return []runner.Task{fileHolds(e.manifestPath(e.Settings.NewApp), e.Settings.NewApp)}
}

func (e *editManifest) Undo(context.Context) ([]runner.Task, error) {
	return removeFile(e.manifestPath(e.Settings.NewApp)), nil
}
