package cloudfoundry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// remove deletes an object and waits until it is gone; action names this in errors.
// An object that is already gone is no error. A deletion that an earlier process
// began is waited for: while it is in progress the platform rejects a second request
// (cloud_controller_ng: app/actions/v3/service_instance_delete.rb).
func (c *Client) remove(ctx context.Context, path, action string) error {
	job, err := c.write(ctx, http.MethodDelete, path, nil, nil)
	if err == nil {
		err = c.waitForJob(ctx, job)
	}
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		err = c.afterDeleteError(ctx, path, err)
	} else {
		err = c.waitUntilGone(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// afterDeleteError reads the object after its deletion returned an error: it may be
// gone or being deleted all the same.
func (c *Client) afterDeleteError(ctx context.Context, path string, err error) error {
	var now object
	readErr := c.get(ctx, path, nil, &now)
	switch {
	case IsNotFound(readErr):
		return nil
	case readErr != nil:
		return err
	case now.deleting():
		return c.waitUntilGone(ctx, path)
	case isTemporary(err):
		return c.waitForLostDelete(ctx, path, err)
	}
	return err
}

// waitForLostDelete waits for a deletion that was answered with an error, or not at all.
// Most objects do not show that they are being deleted, and a service instance shows it
// only once the job has begun. If the platform did accept the deletion, the job begins
// within seconds, so the object is read for a few polls before the error is returned.
//
// One that was answered is sent once more: by its GUID it can hit nothing else.
func (c *Client) waitForLostDelete(ctx context.Context, path string, lost error) error {
	reads, begun, answered := 0, false, !errors.Is(lost, httpclient.ErrUnanswered)
	err := c.poll(ctx, func(ctx context.Context) (bool, string, error) {
		var now object
		err := c.get(ctx, path, nil, &now)
		if IsNotFound(err) {
			return true, "", nil
		}
		if begun = now.deleting(); begun {
			return true, "", nil
		}
		if reads++; reads > 2*maxFailedReads {
			return true, "", lost
		}
		if err == nil && answered {
			answered = false
			// What becomes of it shows in the next read.
			_, _ = c.write(ctx, http.MethodDelete, path, nil, nil)
		}
		return false, "still there after the deletion returned an error", err
	})
	if err == nil && begun {
		return c.waitUntilGone(ctx, path)
	}
	return err
}

// waitUntilGone waits until the object does not exist any more.
func (c *Client) waitUntilGone(ctx context.Context, path string) error {
	return c.poll(ctx, func(ctx context.Context) (bool, string, error) {
		var now object
		err := c.get(ctx, path, nil, &now)
		if IsNotFound(err) {
			return true, "", nil
		}
		if err != nil {
			return false, "", err
		}
		if o := operationOf(now.LastOperation); o.Type == "delete" && o.Failed() {
			return true, "", c.Services.brokerError(o)
		}
		return false, "delete " + now.LastOperation.State, nil
	})
}
