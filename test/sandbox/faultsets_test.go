package sandbox

import (
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

func TestEveryFaultSetCanBeArmed(t *testing.T) {
	for _, n := range FaultSets(1) {
		e := faults.New(clock.New(0))
		if err := armFaultSet(e, n.Name, 1); err != nil {
			t.Errorf("%s: %v", n.Name, err)
		}
		if got := len(e.List()); got != len(n.Faults) || got == 0 || n.About == "" {
			t.Errorf("%s has %d faults, want %d", n.Name, got, len(n.Faults))
		}
		for _, f := range e.List() {
			if f.Place == "search-api" && !f.WritesOnly {
				t.Errorf("%s hits readers", n.Name)
			}
		}
	}
	if err := armFaultSet(faults.New(clock.New(0)), "good-night", 1); err == nil {
		t.Error("an unknown set is accepted")
	}
}
