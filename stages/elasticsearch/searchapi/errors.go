package searchapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// named adds the sentinel for what the engine said. Its texts differ between
// versions ("no such index [x]", "no such index (x)"), so only the type of the
// engine's exception is looked at.
func named(err error) error {
	e := dmapi.As(err)
	if e == nil {
		return err
	}
	for exception, is := range map[string]error{
		"resource_already_exists_exception": ErrExists,
		"index_already_exists_exception":    ErrExists,
		"invalid_index_name_exception":      ErrNameTaken,
		"invalid_alias_name_exception":      ErrNameTaken,
		"index_not_found_exception":         ErrNoIndex,
	} {
		if strings.HasPrefix(e.Message, exception) {
			return &known{api: e, is: is}
		}
	}
	return err
}

// known is an *Error that is also one of the sentinels.
type known struct {
	api *Error
	is  error
}

func (k *known) Error() string       { return k.api.Error() }
func (k *known) Class() runner.Class { return k.api.Class() }
func (k *known) Unwrap() []error     { return []error{k.api, k.is} }

// absent tells whether a 404 speaks of the document: the engine's own object,
// which says found: false or result: not_found. Anything else that answers 404
// (no index, no route) says nothing about the document.
func absent(err error) bool {
	e := dmapi.As(err)
	if e == nil || e.Status != http.StatusNotFound {
		return false
	}
	var said struct {
		ID     *string `json:"_id"`
		Found  *bool   `json:"found"`
		Result string  `json:"result"`
	}
	if json.Unmarshal(e.Said(), &said) != nil {
		return false
	}
	return said.Result == "not_found" || said.Found != nil && !*said.Found
}

// InternalError tells whether an error is the search API's 500 "Internal
// error": on a document it means that there is no such index, or an index of
// another's making, or that the engine failed at the first of its two calls.
func InternalError(err error) bool {
	e := dmapi.As(err)
	return e != nil && e.Status == http.StatusInternalServerError && strings.EqualFold(e.Message, "Internal error")
}
