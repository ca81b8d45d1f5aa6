package backing_test

import (
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Blue's service is deleted when nobody uses it, and after that nothing brings it back.
func TestBluesServiceIsDeleted(t *testing.T) {
	w := newWorld(t)
	_, _, instance, err := w.services.NeedBlue(w.ctx)
	w.ok(err)
	w.planned()(w.removal.Undo(w.ctx))
	task := w.removal.Delete(instance)

	user := w.app("reporting", instance.GUID, nil)
	_, err = w.try(task)
	w.refused(err, "deleting it would take it from them")
	w.ok(w.cf.Apps.Delete(w.ctx, user.GUID))

	_, err = w.try(task)
	w.ok(err)
	if _, now, err := w.services.Blue(w.ctx); err != nil || now != nil {
		t.Errorf("it is still there: %+v, %v", now, err)
	}
	_, err = w.removal.Undo(w.ctx)
	w.stays(err, "blue's service is deleted")
	if o, err := w.try(w.removal.Unused()); err != nil || o.Said() != "it is deleted already" {
		t.Errorf("the check says %q: %v", o.Said(), err)
	}
	_, _, _, err = w.services.NeedBlue(w.ctx)
	w.refused(err, "its service, once search_api_elasticsearch, is gone")
}

// The service that carries the run's label is green's, whatever the record says.
func TestGreensServiceIsNotDeletedForBlues(t *testing.T) {
	w := newWorld(t)
	b := w.blue()
	b.Service = w.created().GUID
	w.ok(w.run.SetBlue(w.ctx, b))
	_, err := w.try(w.removal.Unused())
	w.refused(err, "it is green's")
}

// Blue's service is kept for a time after blue was removed.
func TestBluesServiceIsHeld(t *testing.T) {
	w := newWorld(t)
	w.removal.Hold = 2 * time.Hour
	_, err := w.try(w.removal.Held())
	w.notYet(err, "remove-old-app")

	w.reached(upgrade.BlueRemoved)
	_, err = w.try(w.removal.Held())
	w.refused(err, "(HOLD_OLD_SERVICE_FOR=2h0m0s after remove-old-app)")

	w.removal.Hold = 59 * time.Minute
	_, err = w.try(w.removal.Held())
	w.ok(err)
}
