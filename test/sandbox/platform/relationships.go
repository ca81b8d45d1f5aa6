package platform

import (
	"encoding/json"
	"slices"
	"strings"
)

// relationship is a to-one relationship of a request.
type relationship struct {
	Data *struct {
		GUID string `json:"guid"`
	} `json:"data"`
}

func (r relationship) guid() string {
	if r.Data == nil {
		return ""
	}
	return r.Data.GUID
}

// relationshipProblems is what is wrong with the relationships of a request that creates a resource. All of them are
// required (ccng: app/messages/validators.rb, RelationshipValidator and ToOneRelationshipValidator).
func relationshipProblems(f fields, names ...string) []string {
	var given map[string]json.RawMessage
	if json.Unmarshal(f["relationships"], &given) != nil || given == nil {
		return []string{"Relationships 'relationships' is not an object"}
	}
	if len(given) == 0 {
		return []string{"Relationships 'relationships' must include one or more valid relationships"}
	}
	var problems []string
	if unknown := unknownKeys(given, names); len(unknown) > 0 {
		problems = append(problems, "Relationships Unknown field(s): '"+strings.Join(unknown, "', '")+"'")
	}
	for _, name := range names {
		if raw, there := given[name]; !there || slices.Contains([]string{"null", "{}", `""`}, string(raw)) {
			problems = append(problems, "Relationships "+capital(name)+" can't be blank")
		}
		if !isToOne(given[name]) {
			problems = append(problems, "Relationships "+capital(name)+` must be structured like this: "`+name+`: {"data": {"guid": "valid-guid"}}"`)
		}
	}
	return problems
}

func isToOne(raw json.RawMessage) bool {
	var keys, data map[string]json.RawMessage
	if json.Unmarshal(raw, &keys) != nil || len(keys) != 1 || keys["data"] == nil {
		return false
	}
	if string(keys["data"]) == "null" {
		return true
	}
	return json.Unmarshal(keys["data"], &data) == nil && len(data) == 1 && data["guid"] != nil
}
