package cloudfoundry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

const yamlType = "application/x-yaml"

// Manifest is the manifest that an app would be made again with. It holds the
// app's metadata too, and neither the names nor the parameters of bindings, nor
// network policies (CC API: Generate a manifest for an app).
func (c *Client) Manifest(ctx context.Context, app string) ([]byte, error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: "/v3/apps/" + app + "/manifest"})
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

// ManifestChange is one difference between a manifest and what is there.
type ManifestChange struct {
	// Op is "add", "replace" or "remove"; Path is a JSON pointer.
	Op, Path string
	// Was and Value are JSON.
	Was, Value json.RawMessage
}

// ManifestDiff says what a manifest would change. It changes nothing
// (CC API: Create a manifest diff for a space).
func (c *Client) ManifestDiff(ctx context.Context, yaml []byte) ([]ManifestChange, error) {
	t, err := c.Target(ctx)
	if err != nil {
		return nil, err
	}
	path := "/v3/spaces/" + t.SpaceGUID + "/manifest_diff"
	resp, err := c.send(httpclient.Harmless(ctx), request{method: http.MethodPost, path: path, body: yaml, contentType: yamlType})
	if err != nil {
		return nil, fmt.Errorf("compare the manifest: %w", err)
	}
	var said struct {
		Diff []struct {
			Op    string          `json:"op"`
			Path  string          `json:"path"`
			Was   json.RawMessage `json:"was"`
			Value json.RawMessage `json:"value"`
		} `json:"diff"`
	}
	if err := decode("POST "+path, resp, &said); err != nil {
		return nil, fmt.Errorf("compare the manifest: %w", err)
	}
	all := make([]ManifestChange, len(said.Diff))
	for i, d := range said.Diff {
		all[i] = ManifestChange{d.Op, d.Path, d.Was, d.Value}
	}
	return all, nil
}

// ApplyManifest makes apps as a manifest says, and waits for it. It is not
// atomic: after a failure some of it is done. Applying it again goes on
// (cloud_controller_ng: app/actions/app_apply_manifest.rb).
func (c *Client) ApplyManifest(ctx context.Context, yaml []byte) error {
	t, err := c.Target(ctx)
	if err != nil {
		return err
	}
	resp, err := c.send(ctx, request{
		method: http.MethodPost, path: "/v3/spaces/" + t.SpaceGUID + "/actions/apply_manifest",
		body: yaml, contentType: yamlType,
	})
	if err != nil {
		return fmt.Errorf("apply the manifest: %w", err)
	}
	job := jobOf(resp)
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("apply the manifest: %w", err)
	}
	if err := c.jobDone(ctx, job); err != nil {
		return fmt.Errorf("apply the manifest: %w", err)
	}
	return nil
}
