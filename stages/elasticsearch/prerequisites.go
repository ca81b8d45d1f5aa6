package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

// prerequisites are what has to hold before a run begins.
type prerequisites struct {
	platform  *cloudfoundry.Client
	run       *upgrade.Run
	beginning *upgrade.Beginning
	names     bluegreen.Names
	renamer   *names.Names
	creation  *backing.Creation
	counts    *counts
	mappings  *mappings
	before    *clone.Before
	release   newestRelease
	prober    *proof.Prober
	// otherImage says that green gets another image than blue, so that blue's mappings
	// say nothing of green's.
	otherImage bool
	// blue is what findBlue found, once a process.
	blue *upgrade.Blue
}

func (p *prerequisites) checks() []runner.Task {
	return []runner.Task{
		p.beginning.Found(),
		p.beginning.Fits(),
		p.beginning.Well(),
		p.beginning.Carried(p.names.TemporaryRoute, p.names.PrivateRoute),
		p.beginning.IfAnswered(p.prober.Provable(p.findBlue)),
		{Name: "the live release is the newest of its main branch", Do: p.newest},
		{Name: "the data API answers", Do: p.mappings.listed},
		p.beginning.IfAnswered(runner.Task{Name: "the search API answers, and accepts our token", Do: p.searchAPI}),
		p.beginning.IfAnswered(runner.Task{Name: "the live host answers", Do: p.liveHost}),
		p.creation.Offered(),
		p.before.Room(1),
		p.before.Readable(),
		p.renamer.NotTaken(p.run, p.names),
		p.beginning.IfAnswered(runner.Task{Name: "the counts of the live app, for the record", Do: p.drift}),
	}
}

// findBlue finds what is live, once a process.
func (p *prerequisites) findBlue(ctx context.Context) (upgrade.Blue, error) {
	if p.blue != nil {
		return *p.blue, nil
	}
	b, err := findBlue(ctx, p.platform, p.names)
	if err != nil {
		return b, err
	}
	p.prober.Measure(ctx, &b)
	if p.otherImage && !b.Docker() {
		return b, runner.Refuse("app %s was pushed with a buildpack (%s), so its copy cannot be another release: leave RELEASE and IMAGE empty", b.Name, b.From().What())
	}
	p.blue = &b
	return b, nil
}

func findBlue(ctx context.Context, platform *cloudfoundry.Client, of bluegreen.Names) (upgrade.Blue, error) {
	b, err := upgrade.FindBlue(ctx, platform, of.LiveApp, of.LiveRoute)
	if err != nil {
		return b, err
	}
	return b, backing.FindBlue(ctx, platform, of.Service, &b)
}

func (p *prerequisites) newest(ctx context.Context, o *runner.Observation) error {
	if p.release.repository == "" {
		o.Say("not asked: RELEASE_REPOSITORY is not set")
		return nil
	}
	b, err := p.findBlue(ctx)
	if err != nil {
		return err
	}
	if !b.Docker() {
		return runner.Refuse("app %s was pushed with a buildpack, so its release is not known: leave RELEASE_REPOSITORY empty", b.Name)
	}
	return p.release.check(ctx, o, b.Image)
}

func (p *prerequisites) searchAPI(ctx context.Context, o *runner.Observation) error {
	known, err := p.counts.live().Mappings(ctx)
	if err != nil {
		return err
	}
	if len(known) == 0 {
		return fmt.Errorf("%s has no mapping: something else answers there", p.counts.liveURL)
	}
	o.Say("%s, %s", p.counts.liveURL, runner.Count(len(known), "mapping", "mappings"))
	if p.otherImage {
		return nil // check-apps asks green.
	}
	return p.mappings.missing("the live app, whose image green gets,", known)
}

func (p *prerequisites) liveHost(ctx context.Context, o *runner.Observation) error {
	address := p.counts.scheme + "://" + p.names.LiveRoute
	status, err := p.counts.search(address, nil).Status(ctx)
	if err != nil {
		return fmt.Errorf("%s: an IP allow-list may guard it: %w", address, err)
	}
	if len(status.Indices) == 0 {
		return fmt.Errorf("%s has no index: something else answers there, or the live app's backend is empty", address)
	}
	o.Say("%s", runner.Count(len(status.Indices), "index", "indices"))
	return nil
}

// drift reports how far blue's counts are from the data API's. It refuses nothing: where
// an index call fails the data API goes on all the same, and the nightly job corrects it.
func (p *prerequisites) drift(ctx context.Context, o *runner.Observation) error {
	found, err := p.counts.read(ctx, p.counts.live(), p.counts.indices.Live())
	if err != nil {
		return err
	}
	o.Say("%s", said(found))
	for _, n := range found {
		o.Set(n.Alias.String()+" drift", n.Documents-n.Expected)
	}
	return nil
}
