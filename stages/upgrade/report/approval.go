package report

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Approval is a plan that was approved.
type Approval struct {
	// Digest is the plan's (PLAN_DIGEST), By who approved it; "" where nobody said.
	Digest, By string
	// Subjects reads the world as it is now.
	Subjects func(context.Context) ([]Subject, error)
}

// Check checks that the world is the one that the plan was made of, or what the
// plan makes of it. It refuses anything else.
func (a *Approval) Check(ctx context.Context, o *runner.Observation) error {
	subjects, err := a.Subjects(ctx)
	if err != nil {
		return err
	}
	o.Set("plan digest", a.Digest)
	by := ""
	if a.By != "" {
		o.Set("approved by", a.By)
		by = ", approved by " + a.By
	}
	o.Say("%d subjects%s", len(subjects), by)
	err = Agrees(a.Digest, subjects)
	if err == nil || runner.ClassOf(err) == runner.Misconfigured {
		return err
	}
	return runner.Refuse("%w; make a new plan, and approve that", err)
}
