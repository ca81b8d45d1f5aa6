package platform

import (
	"encoding/json"
	"net/http"
)

// Programs maps a docker image's reference to the program that it runs. False: the registry has no such image, and
// staging fails as the real one does.
type Programs func(image string) (Program, bool)

// Program is what a docker image runs.
type Program interface {
	// Boot starts one instance and hands back what answers its port. An error is a crash at start: its text goes to the
	// app's log as the program's last lines, and the exit status is 1. If the handler is also an io.Closer, it is closed
	// when the instance is gone. Boot is called without any lock of the platform.
	Boot(Instance) (http.Handler, error)
}

// Instance is what a program knows of the container it starts in.
type Instance struct {
	AppGUID, AppName, InstanceGUID string
	Index                          int
	// Env was fixed when the container's process was desired: a crash keeps it, a restart renews it
	// (ccng: lib/cloud_controller/diego/app_recipe_builder.rb).
	Env map[string]string
	// Log writes one line to the app's log stream.
	Log func(stderr bool, line string)
}

// Broker is the service broker's side of an offering. It is told the instance's GUID, and must not call the platform.
type Broker interface {
	// Provision is called when the creation's delay is over. An error is a failed last operation, in its words.
	Provision(instance, plan string, parameters json.RawMessage) error
	// Deprovision is called when the deletion's delay is over. An error is a failed last operation, in its words.
	Deprovision(instance string) error
	// Credentials are what a binding or a key gets.
	Credentials(instance, binding string) map[string]any
}
