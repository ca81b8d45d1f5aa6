package traffic

import (
	"context"
	"errors"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

// The phases of a change that the witness tells apart.
const (
	during = witness.During
	after  = witness.After
)

func (t *Traffic) enter(phase string) {
	if t.Entered != nil {
		t.Entered(phase)
	}
}

// Revert are the tasks that a breach causes: blue on every live route, proved, then
// green off. It refuses where the operator wants to hold, or where blue does not
// serve: then both stay as they are.
func (t *Traffic) Revert(ctx context.Context) ([]runner.Task, error) {
	if t.Hold {
		return nil, runner.Refuse("ON_BREACH is hold: the live routes stay as they are")
	}
	b, err := t.run().Blue()
	if err != nil {
		return nil, err
	}
	routable, instances, err := upgrade.Routable(ctx, t.platform(), b.App)
	if err != nil {
		return nil, err
	}
	if routable < b.Instances {
		return nil, runner.Refuse("%d of %s of blue are routable (%s): the live routes stay as they are",
			routable, runner.Count(b.Instances, "instance", "instances"), upgrade.States(instances))
	}
	back, err := t.MapBlue(ctx)
	if err != nil {
		return nil, err
	}
	off, err := t.UnmapGreen(ctx)
	return append(append(back, off...), t.RestoreTemporary()), err
}

// RollbackWitness is the witness of the live address beside a rollback. It starts only
// where somebody answers there.
type RollbackWitness struct {
	*witness.Witness
	Traffic *Traffic
}

// Start begins the baseline, or says why there is nothing to watch.
func (w RollbackWitness) Start(ctx context.Context) (<-chan error, error) {
	b, err := w.Traffic.run().Blue()
	if err != nil {
		return nil, err
	}
	where, err := w.Traffic.where(ctx, b)
	if err != nil {
		return nil, err
	}
	unserved, err := w.Traffic.unserved(ctx, where)
	if err == nil && unserved {
		err = errors.New("nobody answers on the live routes")
	}
	if err != nil {
		return nil, err
	}
	return w.Witness.Start(ctx)
}
