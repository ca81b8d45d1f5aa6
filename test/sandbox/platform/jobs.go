package platform

import (
	"errors"
	"strings"
)

// States of a job (ccng: app/models/jobs/pollable_job_model.rb). POLLING is a job that waits for a broker.
const (
	jobProcessing = "PROCESSING"
	jobPolling    = "POLLING"
	jobComplete   = "COMPLETE"
	jobFailed     = "FAILED"
)

// startJob makes a job about a resource; kind is the resource's name in links ("apps").
func (p *Platform) startJob(operation, kind, target string) *job {
	j := &job{record: p.newRecord(""), operation: operation, state: jobProcessing, kind: kind, target: target}
	p.jobs.add(j)
	return j
}

// runJob does the job's work after a job's usual time, and completes or fails the job.
func (p *Platform) runJob(j *job, work func() error) *job {
	p.after(p.jobTime(), func() { p.endJob(j, work()) })
	return j
}

func (p *Platform) endJob(j *job, err error) {
	j.updated = p.now()
	if err == nil {
		j.state = jobComplete
		return
	}
	j.state = jobFailed
	var one *apiError
	var several apiErrors
	switch {
	case errors.As(err, &one):
		j.errors = apiErrors{one}
	case errors.As(err, &several):
		j.errors = several
	default:
		j.errors = apiErrors{{500, 10001, "UnknownError", "An unknown error occurred."}}
	}
}

func showJob(c *call) error {
	j, ok := c.p.jobs.get(c.guid())
	if !ok {
		return notFound("Job")
	}
	errs := make([]obj, len(j.errors))
	for i, e := range j.errors {
		errs[i] = e.present()
	}
	out := obj{
		"guid": j.guid, "created_at": stamp(j.created), "updated_at": stamp(j.updated),
		"operation": j.operation, "state": j.state, "errors": errs, "warnings": []obj{},
		"links": obj{"self": c.link("/v3/jobs/" + j.guid)},
	}
	if c.p.exists(j.kind, j.target) {
		out["links"].(obj)[j.linkName()] = c.link("/v3/" + j.kind + "/" + j.target)
	}
	return c.reply(200, out)
}

// linkName is the resource's name: singular, but for two jobs (ccng: app/jobs/v3/create_service_instance_job.rb and
// update_service_instance_job.rb, resource_type).
func (j *job) linkName() string {
	if j.operation == "service_instance.create" || j.operation == "service_instance.update" {
		return j.kind
	}
	return strings.TrimSuffix(j.kind, "s")
}

func (p *Platform) exists(kind, guid string) bool {
	var ok bool
	switch kind {
	case "apps":
		_, ok = p.apps.get(guid)
	case "spaces":
		_, ok = p.spaces.get(guid)
	case "routes":
		_, ok = p.routes.get(guid)
	case "service_instances":
		_, ok = p.services.get(guid)
	case "service_credential_bindings":
		_, ok = p.bindings.get(guid)
	case "service_route_bindings":
		_, ok = p.rbinds.get(guid)
	}
	return ok
}
