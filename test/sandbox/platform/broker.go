package platform

import "encoding/json"

// Broker is the service broker's side of an offering. It is told the instance's GUID, and must not call the platform.
type Broker interface {
	// Provision is called when the creation's delay is over. An error is a failed last operation, in its words.
	Provision(instance, plan string, parameters json.RawMessage) error
	// Deprovision is called when the deletion's delay is over. An error is a failed last operation, in its words.
	Deprovision(instance string) error
	// Credentials are what a binding or a key gets.
	Credentials(instance, binding string) map[string]any
}
