package diego

import "net/http"

// Programs maps a docker image's reference to the program that it runs. False: the registry has no such image, and
// staging fails as the real one does.
type Programs func(image string) (Program, bool)

// Program is what a docker image runs.
type Program interface {
	// Boot starts one instance and returns what answers its port. An error is a crash at start: its text goes to the
	// app's log as the program's last lines, and the exit status is 1. If the handler is also an io.Closer, it is closed
	// when the instance is gone. Boot is called without the lock.
	Boot(Instance) (http.Handler, error)
}

// Instance is what a program knows of the container it starts in.
type Instance struct {
	AppGUID, AppName, InstanceGUID string
	Kind                           string // of its process: web, worker, …
	Index                          int
	// Env was fixed when the container's process was desired: a crash keeps it, a restart renews it
	// (ccng: lib/cloud_controller/diego/app_recipe_builder.rb).
	Env map[string]string
	// Log writes one line to the app's log stream.
	Log func(stderr bool, line string)
}

// External is a handler that is a process of the operating system: it may end by itself, and only it knows what it does at a
// SIGTERM. Close kills it.
type External interface {
	http.RoundTripper
	// Listens reports why a connection to its port fails; nil if it is accepted.
	Listens() error
	// Terminate sends it SIGTERM.
	Terminate()
	// Ended is closed when it has ended, with an exit status.
	Ended() <-chan struct{}
	Status() int
}
