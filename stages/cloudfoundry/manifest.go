package cloudfoundry

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Manifest generates the manifest that would recreate an app. It includes the app's
// labels and annotations. It does not include the names and parameters of bindings,
// or network policies (CC API: Generate a manifest for an app).
func (c *Apps) Manifest(ctx context.Context, app string) ([]byte, error) {
	resp, err := c.client.send(ctx, request{method: http.MethodGet, path: "/v3/apps/" + app + "/manifest"})
	if err != nil {
		return nil, fmt.Errorf("read the manifest of app %s: %w", app, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of app %s: %w", app, err)
	}
	return text, nil
}

// ApplyManifest creates or updates apps from a manifest and waits until that is
// done. It is not atomic: after a failure, part of the manifest may have been
// applied. Applying it again continues (cloud_controller_ng:
// app/actions/app_apply_manifest.rb).
func (c *Apps) ApplyManifest(ctx context.Context, yaml []byte) error {
	t, err := c.client.Space.Target(ctx)
	if err != nil {
		return err
	}
	resp, err := c.client.send(ctx, request{
		method: http.MethodPost, path: "/v3/spaces/" + t.SpaceGUID + "/actions/apply_manifest",
		body: yaml, contentType: "application/x-yaml",
	})
	if err != nil {
		return fmt.Errorf("apply the manifest: %w", err)
	}
	job := jobOf(resp)
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("apply the manifest: %w", err)
	}
	if err := c.client.waitForJob(ctx, job); err != nil {
		return fmt.Errorf("apply the manifest: %w", err)
	}
	return nil
}
