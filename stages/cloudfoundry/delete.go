package cloudfoundry

import (
	"context"
	"fmt"
	"net/http"
)

// remove deletes an object and waits until it is gone. What is gone already needs
// nothing, and a deletion that an earlier process began is waited for: asking
// again while it is under way is an error (cloud_controller_ng:
// app/actions/v3/service_instance_delete.rb).
func (c *Client) remove(ctx context.Context, path, what string) error {
	job, err := c.write(ctx, http.MethodDelete, path, nil, nil)
	if err == nil {
		err = c.jobDone(ctx, job)
	}
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		var now object
		lookErr := c.get(ctx, path, nil, &now)
		if IsNotFound(lookErr) {
			return nil
		}
		if lookErr != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if !now.deleting() {
			return c.goneSoon(ctx, path, what, err)
		}
	}
	if err := c.gone(ctx, path); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// goneSoon is for a deletion whose answer was lost. Most objects do not say that
// they are being deleted, and a service instance only once its job has begun: a
// job that was made all the same takes them away, or begins to, within seconds.
// They are looked at for a few polls before the error counts.
func (c *Client) goneSoon(ctx context.Context, path, what string, lost error) error {
	if !isPassing(lost) {
		return fmt.Errorf("%s: %w", what, lost)
	}
	looks, begun := 0, false
	err := c.until(ctx, func(ctx context.Context) (bool, string, error) {
		var now object
		err := c.get(ctx, path, nil, &now)
		if IsNotFound(err) {
			return true, "", nil
		}
		if begun = now.deleting(); begun {
			return true, "", nil
		}
		if looks++; looks > 2*patience {
			return true, "", lost
		}
		return false, "still there, its deletion was answered with an error", err
	})
	if err == nil && begun {
		err = c.gone(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// gone waits until there is no such object.
func (c *Client) gone(ctx context.Context, path string) error {
	return c.until(ctx, func(ctx context.Context) (bool, string, error) {
		var now object
		err := c.get(ctx, path, nil, &now)
		if IsNotFound(err) {
			return true, "", nil
		}
		if err != nil {
			return false, "", err
		}
		if o := operationOf(now.LastOperation); o.Type == "delete" && o.Failed() {
			return true, "", fmt.Errorf("the broker says: %s", c.redact.Redact(o.Description))
		}
		return false, "delete " + now.LastOperation.State, nil
	})
}
