// Package upgrade is what every runbook shares: the run as the platform records
// it, blue and green as they are now, where the live routes lead, and the checks
// that every stage begins with. It knows no runbook and no stage by name.
package upgrade

import "github.com/digitalmarketplace/cutover/stages/cloudfoundry"

// RoleLabel says what an object made by a run is for. Only objects that have it
// are a run's own; the run's record and the lease have the run's id without it.
const RoleLabel = "cutover-role"

// The roles.
const (
	// RoleGreen is what replaces blue: the app, its temporary route, its service.
	RoleGreen = "green"
	// RoleBlue is what a rollback makes for blue: its private route, or blue itself
	// where that was deleted.
	RoleBlue = "blue"
)

// Milestone is a point that a run has passed once a stage of the runbook is
// complete. Code outside a runbook asks for milestones, never for stages.
type Milestone string

// The milestones of a blue/green upgrade, in their order. A runbook ties each that
// it has to one of its stages; one that it lacks is never reached.
const (
	Begun             Milestone = "the run is recorded"
	ServiceCreated    Milestone = "green's service is there"
	GreenBuilt        Milestone = "green runs on its temporary route"
	GreenFilled       Milestone = "green has the data"
	OnLiveRoutes      Milestone = "green is on the live routes"
	BlueOff           Milestone = "blue is off the live routes"
	TemporaryOff      Milestone = "green's temporary route is deleted"
	OldServiceRenamed Milestone = "blue's service has its old name"
	NewServiceRenamed Milestone = "green's service has the final name"
	BlueRenamed       Milestone = "blue has its old name"
	NamesFinal        Milestone = "green has the live app's name"
	BlueRemoved       Milestone = "blue is stopped or deleted"
	Released          Milestone = "the pipeline has released"
	Refreshed         Milestone = "the data was written again after the release"
	Ended             Milestone = "blue's service is deleted"
)

// GoneIfNotFound turns "not found" into nil, for an object that somebody may have deleted.
func GoneIfNotFound[T any](object *T, err error) (*T, error) {
	if cloudfoundry.IsNotFound(err) {
		return nil, nil
	}
	return object, err
}
