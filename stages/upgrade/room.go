package upgrade

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Fits is the check that the platform has room for the run's record: for what is live,
// the settings, and what later stages will add. No single fact has a limit, but all of
// them are in the annotations of one object, of which there are 200.
func (b *Beginning) Fits() runner.Task {
	return runner.Task{Name: "the record of the run fits", Do: func(ctx context.Context, o *runner.Observation) error {
		blue, err := b.Find(ctx)
		if err != nil {
			return err
		}
		run, err := b.Run.New(b.Version, blue, b.Facts(blue))
		if err != nil {
			return err
		}
		size, most, err := journal.Size(run.Facts)
		if err != nil {
			return fmt.Errorf("the record of the run: %w", err)
		}
		o.Say("%d of %d annotations, and at most %d later", size, most, b.Later)
		o.Set("annotations", size)
		if size+b.Later > most {
			return runner.Refuse("the record of the run would take %d annotations, and %d later, of the %d that there are: %s of the live app (%d annotations) are too many, or the settings, which must not change (%d), are too long",
				size, b.Later, most, runner.Count(len(blue.Routes), "route", "routes"), sizeOf(run, factBlue), sizeOf(run, factSettings))
		}
		return nil
	}}
}

// sizeOf is how many annotations one fact takes.
func sizeOf(run *journal.Run, fact string) int {
	size, _, _ := journal.Size(map[string]string{fact: run.Facts[fact]})
	return size
}
