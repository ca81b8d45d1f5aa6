package indexer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
)

// minAttempts is how often a request is attempted at least, however long each takes.
const minAttempts = 3

// retry calls f until it succeeds or fails permanently, or has failed for RetryFor and
// minAttempts times. The pause between two calls doubles each time, from RetryMin to
// RetryMax. If ctx is done, retry returns the last error. It calls onRetry, if that is
// not nil, before each call but the first.
func (p Pace) retry(ctx context.Context, f func() error, onRetry func()) error {
	began := time.Now()
	pause := p.RetryMin
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || !isTemporary(err) {
			return err
		}
		if p.trouble != nil {
			p.trouble(err)
		}
		if attempt >= minAttempts && time.Since(began) >= p.RetryFor {
			return err
		}
		if !sleep(ctx, jitter(pause)) {
			return err
		}
		pause = min(2*pause, p.RetryMax)
		if onRetry != nil {
			onRetry()
		}
	}
}

// isTemporary reports whether a request with this error may succeed later.
func isTemporary(err error) bool {
	e, ok := errors.AsType[*dmapi.Error](err)
	return ok && e.Temporary()
}

// jitter returns half to all of d, so that requests that failed together are not
// retried together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1) //nolint:gosec // not for secrets
}

// sleep waits for d, or returns false once ctx is done.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
