package data

import (
	"context"
	"encoding/json"
)

// One method for each common kind of edit. An id of "" means any object to which the edit applies.

// PublishDraftService makes a new service.
func (a *API) PublishDraftService(ctx context.Context) (Edited, error) {
	return a.Do(ctx, Edit{Kind: "publish-draft-service"})
}

// PublishService publishes a disabled or enabled service.
func (a *API) PublishService(ctx context.Context, id string) (Edited, error) {
	return a.Do(ctx, Edit{Kind: "publish-service", ID: id})
}

// UnpublishService sets a published service to disabled or enabled.
func (a *API) UnpublishService(ctx context.Context, id, status string) (Edited, error) {
	return a.Do(ctx, Edit{Kind: "unpublish-service", ID: id, Status: status})
}

// UpdateService sets the fields, or random values if there are none.
func (a *API) UpdateService(ctx context.Context, id string, fields map[string]json.RawMessage) (Edited, error) {
	return a.Do(ctx, Edit{Kind: "update-service", ID: id, Fields: fields})
}

// RenameSupplier gives a supplier a name; a random one if it is "".
func (a *API) RenameSupplier(ctx context.Context, id, name string) (Edited, error) {
	return a.Do(ctx, Edit{Kind: "rename-supplier", ID: id, Name: name})
}

// PublishBrief publishes a draft.
func (a *API) PublishBrief(ctx context.Context, id string) (Edited, error) {
	return a.Do(ctx, Edit{Kind: "publish-brief", ID: id})
}

// WithdrawBrief withdraws a live brief.
func (a *API) WithdrawBrief(ctx context.Context, id string) (Edited, error) {
	return a.Do(ctx, Edit{Kind: "withdraw-brief", ID: id})
}

// AwardBrief awards a closed brief.
func (a *API) AwardBrief(ctx context.Context, id string) (Edited, error) {
	return a.Do(ctx, Edit{Kind: "award-brief", ID: id})
}
