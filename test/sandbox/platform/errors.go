package platform

import (
	"fmt"
	"net/http"
)

// apiError is one error of the Cloud Controller (ccng: errors/v2.yml).
type apiError struct {
	status int
	code   int
	title  string
	detail string
}

func (e *apiError) Error() string { return e.detail }

func (e *apiError) present() obj { return obj{"code": e.code, "title": e.title, "detail": e.detail} }

// apiErrors are several errors in one answer, which has the status of the first (ccng:
// lib/cloud_controller/errors/compound_error.rb).
type apiErrors []*apiError

func (e apiErrors) Error() string { return e[0].detail }

func unprocessable(format string, args ...any) *apiError {
	return &apiError{http.StatusUnprocessableEntity, 10008, "CF-UnprocessableEntity", fmt.Sprintf(format, args...)}
}

func notFound(resource string) *apiError {
	return &apiError{http.StatusNotFound, 10010, "CF-ResourceNotFound", resource + " not found"}
}

func badQuery(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, 10005, "CF-BadQueryParameter", "The query parameter is invalid: " + fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, 1004, "CF-BadRequest", "Bad request: " + fmt.Sprintf(format, args...)}
}

func parseError() *apiError {
	return &apiError{http.StatusBadRequest, 1001, "CF-MessageParseError", "Request invalid due to parse error: invalid request body"}
}

func unknownRequest() *apiError {
	return &apiError{http.StatusNotFound, 10000, "CF-NotFound", "Unknown request"}
}

func notAuthorized() *apiError {
	return &apiError{http.StatusForbidden, 10003, "CF-NotAuthorized", "You are not authorized to perform the requested action"}
}

// notAuthenticated is of a request without a token; one with a token that is bad or expired gets invalidToken
// (ccng: app/controllers/v3/application_controller.rb, validate_token!).
func notAuthenticated() *apiError {
	return &apiError{http.StatusUnauthorized, 10002, "CF-NotAuthenticated", "Authentication error"}
}

func invalidToken() *apiError {
	return &apiError{http.StatusUnauthorized, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"}
}

func unableToPerform(what, why string) *apiError {
	return &apiError{http.StatusBadRequest, 10009, "CF-UnableToPerform", what + " could not be completed: " + why}
}

func operationInProgress(service string) *apiError {
	return &apiError{
		http.StatusConflict, 60016, "CF-AsyncServiceInstanceOperationInProgress",
		"An operation for service instance " + service + " is in progress.",
	}
}
