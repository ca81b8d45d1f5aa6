package cloudfoundry

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// maxFailedReads is how many reads in a row may fail before polling gives up.
// httpclient has already retried each of them several times.
const maxFailedReads = 5

type progressKey struct{}

// WithProgress returns a context in which calls that wait report their progress at
// each poll, in words such as "job PROCESSING" or "create in progress".
func WithProgress(ctx context.Context, report func(note string)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

func progress(ctx context.Context, note string) {
	if report, ok := ctx.Value(progressKey{}).(func(string)); ok && report != nil {
		report(note)
	}
}

// poll calls read again and again until it returns done or an error that a retry
// cannot cure, or the context ends. The first pauses are short, because most jobs
// take little time.
func (c *Client) poll(ctx context.Context, read func(context.Context) (done bool, note string, err error)) error {
	failed := 0
	for pause := c.options.Poll / 8; ; pause = min(2*pause, c.options.Poll) {
		done, note, err := read(ctx)
		switch {
		case ctx.Err() != nil && (err != nil || !done):
			return fmt.Errorf("wait: %w", ctx.Err())
		case err != nil && isTemporary(err) && failed < maxFailedReads:
			failed++
			note = "read failed, retrying: " + err.Error()
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

// waitForJob waits until a job is complete; an empty path means that there is no
// job. A failed job becomes an *Error with status 422: the platform answers with
// that status if it finds the same fault before the job begins.
func (c *Client) waitForJob(ctx context.Context, path string) error {
	if path == "" {
		return nil
	}
	return c.poll(ctx, func(ctx context.Context) (bool, string, error) {
		var job resource.Job
		if err := c.get(ctx, path, nil, &job); err != nil {
			return false, "", err
		}
		switch job.State {
		case resource.JobStateComplete:
			for _, w := range job.Warnings {
				c.options.Log.Warn("warning from Cloud Foundry", "job", job.Operation, "warning", w.Detail)
			}
			return true, "", nil
		case resource.JobStateFailed:
			return true, "", c.jobError(job)
		}
		return false, "job " + string(job.State), nil
	})
}

func (c *Client) jobError(job resource.Job) error {
	e := &Error{Op: "job " + job.Operation, Status: http.StatusUnprocessableEntity, Detail: c.redact.Redact(details(job.Errors))}
	if len(job.Errors) > 0 {
		e.Code, e.Title = job.Errors[0].Code, job.Errors[0].Title
	}
	return e
}
