package cloudfoundry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// NetworkPolicy allows one app to connect to another inside the platform.
type NetworkPolicy struct {
	SourceGUID, DestinationGUID string
	// Protocol is "tcp" or "udp".
	Protocol   string
	Start, End int
}

type wirePolicy struct {
	Source      wirePolicyEnd `json:"source"`
	Destination wirePolicyEnd `json:"destination"`
}

type wirePolicyEnd struct {
	ID       string          `json:"id"`
	Protocol string          `json:"protocol,omitempty"`
	Ports    *wirePolicyPort `json:"ports,omitempty"`
}

type wirePolicyPort struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

type wirePolicies struct {
	Policies []wirePolicy `json:"policies"`
}

// NetworkPolicies lists the policies whose source or destination is the app. On a
// platform without container networking there are none
// (cf-networking-release: docs/08-policy-server-external-api.md).
func (c *Space) NetworkPolicies(ctx context.Context, app string) ([]NetworkPolicy, error) {
	if c.client.links.networkPolicy == "" {
		return nil, nil
	}
	var response wirePolicies
	if err := c.client.get(ctx, c.client.links.networkPolicy+"/policies", filter("id", app), &response); err != nil {
		return nil, fmt.Errorf("list the network policies of app %s: %w", app, err)
	}
	return convert(response.Policies, func(p wirePolicy) NetworkPolicy {
		ports := deref(p.Destination.Ports)
		return NetworkPolicy{p.Source.ID, p.Destination.ID, p.Destination.Protocol, ports.Start, ports.End}
	}), nil
}

// AddNetworkPolicies adds policies; existing ones stay as they are.
func (c *Space) AddNetworkPolicies(ctx context.Context, policies []NetworkPolicy) error {
	if len(policies) == 0 {
		return nil
	}
	if c.client.links.networkPolicy == "" {
		return errors.New("add network policies: this platform does not support them")
	}
	body, err := json.Marshal(wirePolicies{convert(policies, func(p NetworkPolicy) wirePolicy {
		return wirePolicy{wirePolicyEnd{ID: p.SourceGUID}, wirePolicyEnd{p.DestinationGUID, p.Protocol, &wirePolicyPort{p.Start, p.End}}}
	})})
	if err != nil {
		return err
	}
	resp, err := c.client.send(ctx, request{
		method: http.MethodPost, path: c.client.links.networkPolicy + "/policies", body: body, contentType: "application/json",
	})
	if err != nil && isAmbiguous(err) && c.hasNetworkPolicies(ctx, policies) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("add network policies: %w", err)
	}
	return resp.Body.Close()
}

func (c *Space) hasNetworkPolicies(ctx context.Context, policies []NetworkPolicy) bool {
	for _, p := range policies {
		existing, err := c.NetworkPolicies(ctx, p.SourceGUID)
		if err != nil || !slices.Contains(existing, p) {
			return false
		}
	}
	return true
}
