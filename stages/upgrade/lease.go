package upgrade

import (
	"context"
	"fmt"
	"os"

	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Lease is the right to write, which this process acquires in the name of its build
// and run. It is the runner's Lease.
type Lease struct {
	*journal.Lease
	Run *Run
	// Build is the address of the Jenkins build; "" where there is none.
	Build string
}

var _ runner.Lease = Lease{}

// Acquire acquires the lease.
func (l Lease) Acquire(ctx context.Context) error {
	host, _ := os.Hostname()
	who := journal.Holder{Build: l.Build, Process: fmt.Sprintf("%s, process %d", host, os.Getpid())}
	if l.Run.Exists() {
		who.Run = l.Run.ID()
	}
	return l.Lease.Acquire(ctx, who)
}
