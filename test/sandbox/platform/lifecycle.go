package platform

import (
	"encoding/json"
	"strings"
)

// defaultStack is the stack of an app that names none.
const defaultStack = "cflinuxfs4"

// buildpacks are the buildpacks that the platform has, and stacks its stacks.
var (
	buildpacks = []string{"binary_buildpack", "go_buildpack", "java_buildpack", "nginx_buildpack", "nodejs_buildpack", "python_buildpack", "ruby_buildpack", "staticfile_buildpack"}
	stacks     = []string{"cflinuxfs3", defaultStack}
)

// lifecycleChange is the lifecycle data of a request or a manifest: nil stays as it is.
type lifecycleChange struct {
	Buildpacks []string `json:"buildpacks"`
	Stack      *string  `json:"stack"`
}

func readLifecycle(raw json.RawMessage) (lifecycleChange, error) {
	var change lifecycleChange
	if len(raw) > 0 && json.Unmarshal(raw, &change) != nil {
		return change, unprocessable("Lifecycle data must be an object")
	}
	return change, nil
}

// problem is what is wrong with it (ccng: app/messages/lifecycles/buildpack_lifecycle_data_message.rb and
// lib/cloud_controller/diego/lifecycles/buildpack_lifecycle_data_validator.rb).
func (l lifecycleChange) problem() error {
	for _, name := range l.Buildpacks {
		if !contains(buildpacks, name) && !strings.Contains(name, "://") {
			return unprocessable("Buildpack %q must be an existing admin buildpack or a valid git URI", name)
		}
	}
	if l.Stack != nil && !contains(stacks, *l.Stack) {
		return unprocessable("Stack must be an existing stack")
	}
	return nil
}

// change changes an app's lifecycle data, which takes effect with the next staging.
func (a *app) change(l lifecycleChange) error {
	if err := l.problem(); err != nil || a.lifecycle != "buildpack" {
		return err
	}
	if l.Buildpacks != nil {
		a.buildpacks = l.Buildpacks
	}
	if l.Stack != nil {
		a.stack = *l.Stack
	}
	return nil
}

func (a *app) lifecycleData() obj {
	data := obj{}
	if a.lifecycle == "buildpack" {
		data = obj{"buildpacks": nonNil(a.buildpacks), "stack": a.stack}
	}
	return obj{"type": a.lifecycle, "data": data}
}
