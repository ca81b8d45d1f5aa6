package clone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Source reads what blue is made of.
type Source struct {
	Pair *upgrade.Pair
	// NoParameters are names of services whose bindings have no parameters, which the
	// operator vouches for where the platform does not show them.
	NoParameters []string
	// Redact makes the values of secrets known to whatever writes output.
	Redact func(secrets ...string)
}

func (s *Source) platform() *cloudfoundry.Client { return s.Pair.Platform }

// Manifest is blue's manifest as the platform generates it, without the labels and
// annotations of a run. The values in it are secrets more often than not.
func (s *Source) Manifest(ctx context.Context) (*manifest.Manifest, error) {
	b, err := s.Pair.Run.Blue()
	if err != nil {
		return nil, err
	}
	text, err := s.platform().Apps.Manifest(ctx, b.App)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("app %s: %w", b.Name, err)
	}
	m.DropMetadata("cutover-")
	for name, value := range m.Env() {
		s.Redact(secretsIn(name, value)...)
	}
	return m, nil
}

// Policies are blue's network policies, as source and as destination.
func (s *Source) Policies(ctx context.Context) ([]cloudfoundry.NetworkPolicy, error) {
	b, err := s.Pair.Run.Blue()
	if err != nil {
		return nil, err
	}
	return s.platform().Space.NetworkPolicies(ctx, b.App)
}

// secretsIn are the values of a variable that must not be printed, in case a server
// echoes them: tokens are joined by colons in one variable. A manifest is shown without
// any values of variables; this is for all other output.
func secretsIn(variable, value string) []string {
	secret := regexp.MustCompile(`(?i)token|secret|password|credential|key|auth`)
	if !secret.MatchString(variable) {
		return nil
	}
	var all []string
	for _, one := range append(strings.Split(value, ":"), value) {
		// A shorter one is a word such as "false": blanking it hides nothing.
		if len(one) >= 8 {
			all = append(all, one)
		}
	}
	return all
}

// parameters are those that a binding was made with. What the platform does not show
// cannot be copied: it is refused by name, unless NO_PARAMETERS names it.
func (s *Source) parameters(ctx context.Context, binding cloudfoundry.Binding, instance *cloudfoundry.ServiceInstance) (map[string]any, error) {
	if instance.Type != "managed" || slices.Contains(s.NoParameters, instance.Name) {
		return nil, nil
	}
	raw, err := s.platform().Services.BindingParameters(ctx, binding.GUID)
	if errors.Is(err, cloudfoundry.ErrParametersHidden) {
		return nil, runner.Refuse("the platform does not show the parameters of the binding to %s, so they cannot be copied; if there are none, name it in NO_PARAMETERS", instance.Name)
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
