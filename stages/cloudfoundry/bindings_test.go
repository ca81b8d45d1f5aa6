package cloudfoundry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const binding = `{"guid":"b1","name":"es","type":"app","last_operation":{"type":"create","state":%q,"description":"no capacity"},
	"relationships":{"app":{"data":{"guid":"a1"}},"service_instance":{"data":{"guid":"s1"}}}}`

func TestBinding(t *testing.T) {
	for name, c := range map[string]struct {
		existing []answer
		post     []answer
		err      string
	}{
		"new":                        {existing: []answer{pageOf(""), pageOf(fmt.Sprintf(binding, "succeeded"))}, post: []answer{job("j1")}},
		"new, user-provided":         {existing: []answer{pageOf(""), pageOf(fmt.Sprintf(binding, "succeeded"))}, post: []answer{created(`{}`)}},
		"exists":                     {existing: []answer{pageOf(fmt.Sprintf(binding, "succeeded"))}},
		"in progress":                {existing: []answer{pageOf(fmt.Sprintf(binding, "in progress")), pageOf(fmt.Sprintf(binding, "in progress")), pageOf(fmt.Sprintf(binding, "succeeded"))}},
		"failed before":              {existing: []answer{pageOf(fmt.Sprintf(binding, "failed")), pageOf(fmt.Sprintf(binding, "succeeded"))}, post: []answer{job("j1")}},
		"no response, created":       {existing: []answer{pageOf(""), pageOf(fmt.Sprintf(binding, "succeeded"))}, post: []answer{cut()}},
		"created by another process": {existing: []answer{pageOf(""), pageOf(fmt.Sprintf(binding, "succeeded"))}, post: []answer{unprocessable("The app is already bound to the service instance.")}},
		"fails":                      {existing: []answer{pageOf(""), pageOf(fmt.Sprintf(binding, "failed"))}, post: []answer{job("j1")}, err: "no capacity"},
		"no response, not created":   {existing: []answer{pageOf("")}, post: []answer{cut()}, err: "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on("GET /v3/service_credential_bindings", c.existing...)
			if c.post != nil {
				s.on("POST /v3/service_credential_bindings", c.post...)
			}
			s.on("GET /v3/jobs/j1", ok(`{"state":"COMPLETE"}`))
			got, err := s.open().Services.Bind(writing(t), "a1", "s1", "es", nil)
			if c.err == "" && (err != nil || got.GUID != "b1") || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestBindingWithAnotherNameIsRefused(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/service_credential_bindings", pageOf(fmt.Sprintf(binding, "succeeded")))
	if _, err := s.open().Services.Bind(writing(t), "a1", "s1", "es_new", nil); runner.ClassOf(err) != runner.Refused {
		t.Errorf("got %v", err)
	}
}

func TestUnreadableParametersAreAnError(t *testing.T) {
	s := newServer(t)
	path := "GET /v3/service_credential_bindings/b1/parameters"
	s.on(path, fault(400, 90007, "CF-ServiceFetchBindingParametersNotSupported", "This service does not support fetching service binding parameters."))
	if _, err := s.open().Services.BindingParameters(t.Context(), "b1"); !errors.Is(err, cloudfoundry.ErrParametersHidden) {
		t.Errorf("got %v", err)
	}
	s.on(path, ok(`{"read_only":true}`))
	if got := must[json.RawMessage](t)(s.open().Services.BindingParameters(t.Context(), "b1")); string(got) != `{"read_only":true}` {
		t.Errorf("got %s", got)
	}
}
