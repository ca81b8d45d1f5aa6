// Package clone makes an app from what the platform knows of another: green from blue,
// and blue again where it was deleted. Each piece of an app is looked for before it is
// made, so that a later process goes on wherever an earlier one was stopped.
package clone

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
)

// FactPolicies is the fact of the run that holds blue's network policies, recorded
// with what else blue is made of (upgrade.FactBlueMadeOf).
const FactPolicies = "old-policies"

// Replaced is the backing service that green gets in place of blue's, the one that the
// run has recorded. A runbook without a backing service has none: nil. Then all
// services are copied as they are, and no variable is set.
type Replaced struct {
	// Variable tells an app its service's name.
	Variable string
	// Name is that of green's service while it is new, and BindingName the name under
	// which green sees it from the beginning: the one that releases know.
	Name, BindingName string
	// Find finds green's service in whatever state it is; nil where there is none.
	Find func(context.Context) (*cloudfoundry.ServiceInstance, error)
	// Ready finds it as well, and fails unless it is ready to be bound.
	Ready func(context.Context) (*cloudfoundry.ServiceInstance, error)
}

// Binding is a service that an app is bound to, as a manifest has it.
type Binding struct {
	manifest.Service
	// GUID is the service instance's; "" for green's own service, which may not be
	// there yet.
	GUID string
}
