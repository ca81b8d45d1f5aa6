package platform

import (
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

func (p *Platform) processInstances(v *process) []obj {
	out := []obj{}
	for _, row := range p.rows(v) {
		one := obj{"index": row.Index, "state": row.State}
		if row.Container != nil {
			one["since"] = int(p.now().Sub(row.Container.Since).Seconds())
		}
		out = append(out, one)
	}
	return out
}

func (p *Platform) rows(v *process) []diego.Row { return p.diego.Rows(v.guid, v.instances, v.lrp) }

func showStats(c *call, v *process) error {
	out := []obj{}
	for _, row := range c.p.rows(v) {
		out = append(out, c.p.presentStats(v, row))
	}
	return c.reply(200, obj{"resources": out})
}

func (p *Platform) presentStats(v *process, row diego.Row) obj {
	in := row.Container
	if in == nil {
		return obj{"type": v.kind, "index": row.Index, "state": row.State, "routable": nil, "uptime": 0, "isolation_segment": nil, "details": nil}
	}
	usage := obj{}
	if row.State == "RUNNING" {
		usage = obj{
			"time": p.now().Format("2006-01-02T15:04:05.000000000Z07:00"), "cpu": 0.01, "cpu_entitlement": 0.02,
			"mem": v.memory << 20 / 3, "disk": v.disk << 20 / 4, "log_rate": 0,
		}
	}
	return obj{
		"type": v.kind, "index": row.Index, "instance_guid": in.InstanceGUID, "state": row.State, "routable": row.State == "RUNNING",
		"host": "10.0.0." + itoa(10+row.Index), "instance_internal_ip": "10.255.0." + itoa(10+row.Index),
		"uptime": int(p.now().Sub(in.Since).Seconds()), "mem_quota": v.memory << 20, "disk_quota": v.disk << 20, "log_rate_limit": v.logRate,
		"fds_quota": 16384, "isolation_segment": nil, "details": nil, "usage": usage,
		"instance_ports": []obj{{"external": 61000 + row.Index, "internal": 8080, "external_tls_proxy_port": 61100 + row.Index, "internal_tls_proxy_port": 61001}},
	}
}
