package report

import (
	"context"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Leftovers lists what runs have left on the platform: every object that carries a
// run's label, and what the runbook adds.
type Leftovers struct {
	Platform *cloudfoundry.Client
	Run      *upgrade.Run
	// App is the live app, after which the run's record and the lease are named.
	App string
	// Called is a stage with its number: "12. unmap-temporary-route".
	Called func(stage string) string
	// RemovedBy says for people what removes an object that this run made, or its label.
	RemovedBy func(cloudfoundry.Labelled) string
	// Unlabelled reads objects that wait to be removed and carry no label, such as
	// blue; it may be nil.
	Unlabelled func(context.Context) ([]Leftover, error)
}

// List reads the leftovers, those with a label first, by kind and name.
func (l *Leftovers) List(ctx context.Context, lease LeaseStatus) ([]Leftover, error) {
	found, err := l.Platform.Space.Labelled(ctx, cloudfoundry.RunLabel)
	if err != nil {
		return nil, err
	}
	all := []Leftover{}
	for _, one := range found {
		all = append(all, Leftover{
			Kind: kindOf(one.Kind), Name: one.Name, GUID: one.GUID, Run: one.Run(), Since: one.Created.UTC(),
			RemovedBy: l.removedBy(one, lease),
		})
	}
	slices.SortStableFunc(all, func(a, b Leftover) int { return strings.Compare(a.Kind+a.Name, b.Kind+b.Name) })
	if l.Unlabelled == nil {
		return all, nil
	}
	more, err := l.Unlabelled(ctx)
	return append(all, more...), err
}

func kindOf(k cloudfoundry.Kind) string {
	return map[cloudfoundry.Kind]string{
		cloudfoundry.AppKind: "app", cloudfoundry.ServiceInstanceKind: "service", cloudfoundry.RouteKind: "route",
	}[k]
}

// removedBy says what removes an object, or its label.
func (l *Leftovers) removedBy(one cloudfoundry.Labelled, lease LeaseStatus) string {
	record := "cutover-" + l.App
	isService := one.Kind == cloudfoundry.ServiceInstanceKind
	switch {
	case isService && one.Name == record:
		return "the record of the run; " + l.Called(l.Run.StageOf(upgrade.Ended)) + " renames it to " + record + "-last, and so does a rollback"
	case isService && one.Name == record+"-last":
		return "the record of the run before; the end of the next run replaces it"
	case isService && one.Name == record+"-lease" && lease.Stale:
		return "a lease whose holder is gone; the next process takes it over, or unlock --run deletes it"
	case isService && one.Name == record+"-lease":
		return "the lease; its holder releases it"
	case !l.Run.Owns(one.Metadata):
		return "of a run that is not under way for " + l.App + ": no stage removes it"
	}
	return l.RemovedBy(one)
}
