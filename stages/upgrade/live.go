package upgrade

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Traffic is where a live route leads.
type Traffic string

// Where a live route leads. Unknown is of a status that cannot tell.
const (
	ToBlue   Traffic = "blue"
	ToBoth   Traffic = "both"
	ToGreen  Traffic = "green"
	ToNobody Traffic = "nobody"
	ToOther  Traffic = "another app"
	Unknown  Traffic = "not known"
)

// Stranger is an app on a live route that is neither blue nor what replaces it.
type Stranger struct{ Name, GUID string }

// String is the stranger for people.
func (s Stranger) String() string {
	if s.Name == "" || s.Name == s.GUID {
		return s.GUID
	}
	return s.Name + " (" + s.GUID + ")"
}

// Live is where the live routes lead.
type Live struct {
	Pair *Pair
}

// RouteDeleted says that somebody deleted a live route.
type RouteDeleted struct{ Route LiveRoute }

func (d *RouteDeleted) Error() string {
	return "live route " + d.Route.Address + " is deleted: create it again"
}

// Route reads a live route. One that was deleted and created again is found by its
// address.
func (l *Live) Route(ctx context.Context, route LiveRoute) (*cloudfoundry.Route, error) {
	now, err := l.Pair.Platform.Routes.Get(ctx, route.GUID)
	if cloudfoundry.IsNotFound(err) {
		now, err = l.Pair.Platform.Routes.ByAddress(ctx, route.Address)
		if err == nil && now == nil {
			return nil, runner.Refuse("%w", &RouteDeleted{route})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("live route %s: %w", route.Address, err)
	}
	return now, nil
}

// Select returns the live routes for which choose says yes.
func (l *Live) Select(ctx context.Context, choose func(*cloudfoundry.Route) bool) ([]LiveRoute, error) {
	b, err := l.Pair.Run.Blue()
	if err != nil {
		return nil, err
	}
	var some []LiveRoute
	for _, route := range b.Routes {
		now, err := l.Route(ctx, route)
		if err != nil {
			return nil, err
		}
		if choose(now) {
			some = append(some, route)
		}
	}
	return some, nil
}

// Where tells where one live route leads, and the first app behind it that is
// neither blue nor its replacement, a GUID that may be "".
func (l *Live) Where(ctx context.Context, b Blue, replacement string, route LiveRoute) (Traffic, *Stranger, error) {
	now, err := l.Route(ctx, route)
	if err != nil {
		return "", nil, err
	}
	for _, d := range now.Destinations {
		if d.AppGUID != b.App && d.AppGUID != replacement {
			return ToOther, l.stranger(ctx, d.AppGUID), nil
		}
	}
	isBlue, isGreen := now.Reaches(b.App), replacement != "" && now.Reaches(replacement)
	switch {
	case isBlue && isGreen:
		return ToBoth, nil, nil
	case isBlue:
		return ToBlue, nil, nil
	case isGreen:
		return ToGreen, nil, nil
	}
	return ToNobody, nil, nil
}

func (l *Live) stranger(ctx context.Context, guid string) *Stranger {
	s := &Stranger{Name: guid, GUID: guid}
	if app, err := l.Pair.Platform.Apps.Get(ctx, guid); err == nil {
		s.Name = app.Name
	}
	return s
}

// Apps are the GUIDs of the apps that are on any of the live routes.
func (l *Live) Apps(ctx context.Context, b Blue) ([]string, error) {
	var all []string
	for _, route := range b.Routes {
		now, err := l.Route(ctx, route)
		if err != nil {
			return nil, err
		}
		for _, d := range now.Destinations {
			if !slices.Contains(all, d.AppGUID) {
				all = append(all, d.AppGUID)
			}
		}
	}
	return all, nil
}

// Stranger is an app on a live route that is not of this run; nil where there is none.
func (l *Live) Stranger(ctx context.Context, b Blue) (*Stranger, error) {
	replacement, err := l.ReplacementGUID(ctx)
	if err != nil {
		return nil, err
	}
	for _, route := range b.Routes {
		if _, stranger, err := l.Where(ctx, b, replacement, route); err != nil || stranger != nil {
			return stranger, err
		}
	}
	return nil, nil
}
