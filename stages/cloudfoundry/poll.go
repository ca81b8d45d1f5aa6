package cloudfoundry

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// patience is how many looks in a row may fail before a poller gives up. Each of
// them was tried several times by httpclient.
const patience = 5

type progressKey struct{}

// WithProgress returns a context in which whatever takes long reports how it
// goes, in words, at each look: "job PROCESSING", "create in progress".
func WithProgress(ctx context.Context, report func(note string)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

func progress(ctx context.Context, note string) {
	if report, ok := ctx.Value(progressKey{}).(func(string)); ok && report != nil {
		report(note)
	}
}

// until looks again and again until the look says that it is done, fails for
// good, or the context ends. The first pauses are short, since most jobs are.
func (c *Client) until(ctx context.Context, look func(context.Context) (done bool, note string, err error)) error {
	failed := 0
	for pause := c.options.Poll / 8; ; pause = min(2*pause, c.options.Poll) {
		done, note, err := look(ctx)
		switch {
		case ctx.Err() != nil && (err != nil || !done):
			return fmt.Errorf("wait: %w", ctx.Err())
		case err != nil && isPassing(err) && failed < patience:
			failed++
			note = "could not look: " + err.Error()
		case err != nil || done:
			return err
		default:
			failed = 0
		}
		progress(ctx, note)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait: %w", ctx.Err())
		case <-timer.C:
		}
	}
}

// jobDone waits for a job; an empty path is a job that is done already. The
// errors of a failed job come back as one *Error with status 422, which is what
// the same fault is when it is found before the job begins.
func (c *Client) jobDone(ctx context.Context, path string) error {
	if path == "" {
		return nil
	}
	return c.until(ctx, func(ctx context.Context) (bool, string, error) {
		var job resource.Job
		if err := c.get(ctx, path, nil, &job); err != nil {
			return false, "", err
		}
		switch job.State {
		case resource.JobStateComplete:
			for _, w := range job.Warnings {
				c.options.Log.Warn("the platform warns", "job", job.Operation, "warning", w.Detail)
			}
			return true, "", nil
		case resource.JobStateFailed:
			return true, "", c.jobFailed(job)
		}
		return false, "job " + string(job.State), nil
	})
}

func (c *Client) jobFailed(job resource.Job) error {
	e := &Error{Op: "job " + job.Operation, Status: http.StatusUnprocessableEntity, Detail: c.redact.Redact(details(job.Errors))}
	if len(job.Errors) > 0 {
		e.Code, e.Title = job.Errors[0].Code, job.Errors[0].Title
	}
	return e
}
