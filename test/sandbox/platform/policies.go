package platform

import (
	"encoding/json"
	"slices"
	"strings"
)

// policyRoutes is the policy server's API (cloudfoundry/cf-networking-release: docs/API_v1.md).
func (p *Platform) policyRoutes(on func(string, handler)) {
	on("GET /networking/v1/external/policies", listPolicies)
	on("POST /networking/v1/external/policies", changePolicies(func(p *Platform, wanted policy) {
		if !slices.Contains(p.policies, wanted) {
			p.policies = append(p.policies, wanted)
		}
	}))
	on("POST /networking/v1/external/policies/delete", changePolicies(func(p *Platform, unwanted policy) {
		p.policies = slices.DeleteFunc(p.policies, func(v policy) bool { return v == unwanted })
	}))
}

func (v policy) present() obj {
	return obj{
		"source":      obj{"id": v.From},
		"destination": obj{"id": v.To, "protocol": v.Protocol, "ports": obj{"start": v.First, "end": v.Last}},
	}
}

// listPolicies filters by apps' GUIDs on either side, or by source_id and dest_id.
func listPolicies(c *call) error {
	q := c.r.URL.Query()
	among := func(key, guid string) bool { return !q.Has(key) || contains(strings.Split(q.Get(key), ","), guid) }
	out := []obj{}
	for _, v := range c.p.policies {
		if (among("id", v.From) || among("id", v.To)) && among("source_id", v.From) && among("dest_id", v.To) {
			out = append(out, v.present())
		}
	}
	return c.reply(200, obj{"total_policies": len(out), "policies": out})
}

func changePolicies(change func(*Platform, policy)) handler {
	return func(c *call) error {
		var body struct {
			Policies []struct {
				Source struct {
					ID string `json:"id"`
				} `json:"source"`
				Destination struct {
					ID       string `json:"id"`
					Protocol string `json:"protocol"`
					Ports    struct {
						Start int `json:"start"`
						End   int `json:"end"`
					} `json:"ports"`
				} `json:"destination"`
			} `json:"policies"`
		}
		if json.Unmarshal(c.body, &body) != nil || len(body.Policies) == 0 {
			return c.reply(400, obj{"error": "mapper: validate policies: missing policies"})
		}
		for _, v := range body.Policies {
			d := v.Destination
			change(c.p, policy{v.Source.ID, d.ID, d.Protocol, d.Ports.Start, d.Ports.End})
		}
		return c.reply(200, obj{})
	}
}

// dropPolicies removes the policies of an app that was deleted.
func (p *Platform) dropPolicies(app string) {
	p.policies = slices.DeleteFunc(p.policies, func(v policy) bool { return v.From == app || v.To == app })
}
