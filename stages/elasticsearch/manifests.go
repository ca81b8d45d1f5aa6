package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// wanted is one service that green is bound to.
type wanted struct {
	manifest.Service
	GUID string
}

// blueManifest is blue's manifest as the platform generates it, without our marks.
func (s *Site) blueManifest(ctx context.Context) (*manifest.Manifest, error) {
	b, err := s.recorded()
	if err != nil {
		return nil, err
	}
	text, err := s.cf.Manifest(ctx, b.App)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("app %s: %w", b.Name, err)
	}
	m.DropMetadata("cutover-")
	for name, v := range m.Env() {
		s.o.Redact.Add(hidden(name, v)...)
	}
	return m, nil
}

// hidden are the values of a variable that must not be printed, should a server
// echo them: tokens are joined by colons in one variable. A manifest is shown
// without any values of variables; this is for all other output.
func hidden(name, text string) []string {
	secret := regexp.MustCompile(`(?i)token|secret|password|credential|key|auth`)
	if !secret.MatchString(name) {
		return nil
	}
	var all []string
	for _, value := range append(strings.Split(text, ":"), text) {
		// A shorter one is a word such as "false": blanking it hides nothing.
		if len(value) >= 8 {
			all = append(all, value)
		}
	}
	return all
}

// greenManifest is what green is made of: blue's manifest with another name,
// route, image and Elasticsearch. The new service is bound under the old one's
// name, and the app's variable says that same name, so that no later renaming of
// a service can break a restart.
func (s *Site) greenManifest(ctx context.Context) (*manifest.Manifest, []wanted, error) {
	m, err := s.blueManifest(ctx)
	if err != nil {
		return nil, nil, err
	}
	b, err := s.recorded()
	if err != nil {
		return nil, nil, err
	}
	services, err := s.greenServices(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	entries := make([]manifest.Service, len(services))
	for i, w := range services {
		entries[i] = w.Service
	}
	m.Drop("no-route", "random-route", "default-route")
	err = errors.Join(
		m.SetName(s.Settings.NewApp),
		m.SetRoutes(s.Settings.TemporaryRoute),
		m.SetServices(entries),
		m.SetImage(s.image(), s.Settings.DockerUsername),
		m.SetEnv(s.Settings.ServiceVar, s.Settings.Service),
	)
	return m, services, err
}

// image is green's docker image, chosen when the run began.
func (s *Site) image() string { return s.run.Facts[factImage] }

// greenServices are blue's bindings with the new Elasticsearch in place of the old.
// They are read from the bindings, since a generated manifest has neither
// binding names nor parameters (cloud_controller_ng:
// app/presenters/v3/app_manifest_presenters/services_properties_presenter.rb).
func (s *Site) greenServices(ctx context.Context, b blue) ([]wanted, error) {
	bindings, err := s.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: b.App})
	if err != nil {
		return nil, err
	}
	var all []wanted
	var problems []error
	for _, binding := range bindings {
		instance, err := s.cf.ServiceInstance(ctx, binding.InstanceGUID)
		if err != nil {
			return nil, err
		}
		parameters, err := s.parameters(ctx, binding, instance)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		w := wanted{GUID: instance.GUID, Service: manifest.Service{Name: instance.Name, BindingName: binding.Name, Parameters: parameters}}
		if instance.GUID == b.Service {
			w = wanted{Service: manifest.Service{Name: s.Settings.NewService, BindingName: s.Settings.Service, Parameters: parameters}}
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b wanted) int { return strings.Compare(a.Name, b.Name) })
	return all, errors.Join(problems...)
}

// parameters are those that a binding was made with. What the platform does not
// tell cannot be copied: it is refused by name, unless the operator vouches that
// there are none.
func (s *Site) parameters(ctx context.Context, binding cloudfoundry.Binding, instance *cloudfoundry.ServiceInstance) (map[string]any, error) {
	if instance.Type != "managed" || slices.Contains(list(s.Settings.NoParameters), instance.Name) {
		return nil, nil
	}
	raw, err := s.cf.BindingParameters(ctx, binding.GUID)
	if errors.Is(err, cloudfoundry.ErrParametersHidden) {
		return nil, runner.Refuse("the platform does not tell the parameters of the binding to %s, so they cannot be copied; if there are none, name it in NO_PARAMETERS", instance.Name)
	}
	if err != nil {
		return nil, err
	}
	var parameters map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &parameters); err != nil {
			return nil, fmt.Errorf("read the parameters of the binding to %s: %w", instance.Name, err)
		}
	}
	return parameters, nil
}

// asJSON is nil for no parameters.
func asJSON(parameters map[string]any) (json.RawMessage, error) {
	if len(parameters) == 0 {
		return nil, nil
	}
	return json.Marshal(parameters)
}

// list splits a setting with commas.
func list(text string) []string {
	var all []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// writeFile is the task that writes a manifest for a person to read. It holds the
// app's secrets, so nobody else may read it.
func (s *Site) writeFile(name, path string, text []byte, detail string) runner.Task {
	return runner.Task{Effect: runner.Creates, Name: name, Do: func(_ context.Context, o *runner.Observation) error {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		// A file that is there keeps its mode, which may be anybody's to read.
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		o.Say("%s, for eyes only", path)
		o.Detail(detail)
		return os.WriteFile(path, text, 0o600)
	}}
}

func (s *Site) manifestPath(app string) string {
	return filepath.Join(s.Settings.Manifests, app+".yml")
}

// sameFile tells whether a file has this text.
func sameFile(path string, text []byte) bool {
	have, err := os.ReadFile(path)
	return err == nil && string(have) == string(text)
}

// fileHolds is the check that a manifest can be read back and is of one app.
func fileHolds(path, app string) runner.Task {
	return runner.Task{Name: "the file holds the manifest", Do: func(_ context.Context, o *runner.Observation) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return runner.Final(err)
		}
		m, err := manifest.Parse(text)
		if err != nil {
			return runner.Final(fmt.Errorf("%s: %w", path, err))
		}
		if m.Name() != app {
			return runner.Final(fmt.Errorf("%s holds app %s, not %s", path, m.Name(), app))
		}
		o.Say("%s, %s", path, runner.Count(len(text), "byte", "bytes"))
		return nil
	}}
}

// removeFile is the way back: there is nothing to do where the file is not.
func removeFile(path string) []runner.Task {
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return []runner.Task{{Effect: runner.Deletes, Name: "remove " + path, Do: func(context.Context, *runner.Observation) error { return os.Remove(path) }}}
}
