package elasticsearch

import (
	"context"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/command"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const mapLiveRouteHelp = `Gives green as many instances as blue has by now, catches up with what changed since the last catch-up, compares the document counts, and maps every live route, those with a path too, to green as well. From then on both apps serve. Proves that each instance of green answers on the live host, over enough fresh connections to have met every router. If that fails, green is unmapped from the live routes at once.

Refuses where an instance of green has less memory or disk than one of blue.

By hand: cf map-route elasticsearch-migration cloudapps.digital --hostname dm-search-api-<stage>.`

// mapLiveRoute puts green beside blue. To undo it by hand: cf unmap-route.
type mapLiveRoute struct {
	checks  *upgrade.Checks
	green   *clone.Green
	traffic *traffic.Traffic
	counts  *counts
	smoke   smokeTest
}

func newMapLiveRoute(s *Site) runner.Stage {
	return &mapLiveRoute{
		checks: s.checks, green: s.green, traffic: s.traffic, counts: s.counts,
		smoke: smokeTest{s.Settings.SmokeTest, s.Settings.RouteScheme + "://" + s.names.TemporaryRoute},
	}
}

func (m *mapLiveRoute) Check() []runner.Task {
	return append(m.checks.Common(upgrade.ToBlue, upgrade.ToBoth), m.green.Built(), m.traffic.BigEnough(), m.counts.ofGreen(m.counts.timeout))
}

func (m *mapLiveRoute) Plan(ctx context.Context) ([]runner.Task, error) {
	return m.traffic.MapGreen(ctx, m.smoke.tasks()...)
}

func (m *mapLiveRoute) Verify() []runner.Task { return m.traffic.GreenAnswers("green") }

// Abort unmaps green from the live routes at once.
func (m *mapLiveRoute) Abort(ctx context.Context) ([]runner.Task, error) {
	return m.traffic.UnmapGreen(ctx)
}

// Undo unmaps green from the live routes, and deletes the private route by which blue
// was caught up.
func (m *mapLiveRoute) Undo(ctx context.Context) ([]runner.Task, error) {
	return m.traffic.UndoMapGreen(ctx)
}

// smokeTest is the operator's own test of green, before anybody else meets it.
type smokeTest struct{ command, address string }

// tasks run it; none where there is none. Its output is shown; its exit code decides.
func (s smokeTest) tasks() []runner.Task {
	if s.command == "" {
		return nil
	}
	return []runner.Task{{Name: "the smoke test passes", ByHand: s.command, Do: func(ctx context.Context, o *runner.Observation) error {
		out, said, err := command.Run(ctx, []string{"SMOKE_TEST_URL=" + s.address}, "sh", "-c", s.command)
		o.Detail(strings.TrimSpace(out + "\n" + said))
		if err != nil {
			return fmt.Errorf("SMOKE_TEST: %w", err)
		}
		o.Say("exit code 0")
		return nil
	}}}
}
