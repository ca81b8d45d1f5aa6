package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// successor is the app that serves, or is about to serve, in blue's place; nil
// where there is none. It is the one function that tells: everything that asks
// where live traffic is, who answers there, or whom to take off, asks it.
func (s *Site) successor(ctx context.Context) (*cloudfoundry.App, error) {
	return s.findGreen(ctx)
}

// successorInstances is that app and how many instances it should have.
func (s *Site) successorInstances(ctx context.Context) (string, int, error) {
	app, err := s.successor(ctx)
	if err != nil {
		return "", 0, err
	}
	if app == nil {
		return "", 0, &runner.NotYet{Stage: "push-app", Why: "there is no " + s.Settings.NewApp}
	}
	process, err := s.cf.Process(ctx, app.GUID)
	if err != nil {
		return "", 0, err
	}
	return app.GUID, process.Instances, nil
}

// successorApp is the GUID of that app, or "".
func (s *Site) successorApp(ctx context.Context) (string, error) {
	app, err := s.successor(ctx)
	if err != nil || app == nil {
		return "", err
	}
	return app.GUID, nil
}
