package platform

import "encoding/json"

// Broker is the service broker of an offering. It gets the GUID of the service instance, and must not call the platform.
type Broker interface {
	// Provision is called when the creation's delay is over. An error makes the last operation fail, with its text.
	Provision(instance, plan string, parameters json.RawMessage) error
	// Deprovision is called when the deletion's delay is over. An error makes the last operation fail, with its text.
	Deprovision(instance string) error
	// Credentials are those of a binding or a key.
	Credentials(instance, binding string) map[string]any
}
