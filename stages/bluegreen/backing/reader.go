package backing

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Reader is what the status and the plan's digest read of the services; it changes
// nothing.
type Reader struct{ Services *Services }

// Old reads blue's service; nil where it is deleted.
func (r Reader) Old(ctx context.Context, b upgrade.Blue) (*cloudfoundry.ServiceInstance, error) {
	return r.Services.ofBlue(ctx, b)
}

// New finds the service that this run made, in whatever state; nil where there is none.
func (r Reader) New(ctx context.Context) (*cloudfoundry.ServiceInstance, error) {
	return r.Services.FindNew(ctx)
}

// VariableBefore is blue's variable as it was before the run changed it; value is nil
// where it was not set. name is "" where the run has not changed it.
func (r Reader) VariableBefore() (name string, value *string, err error) {
	was, err := Recorded(r.Services.run())
	if err != nil || was == nil {
		return "", nil, err
	}
	return was.Name, was.Value, nil
}
