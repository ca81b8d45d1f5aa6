package platform

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of metadata (ccng: app/messages/validators/metadata_validator.rb, metadata_validator_helper.rb; the numbers of
// labels and annotations are config/cloud_controller.yml's max_labels_per_resource, max_annotations_per_resource).
const (
	maxAnnotationValue = 5000
	maxMetadataKey     = 63
	maxMetadataPrefix  = 253
	maxLabels          = 50
	maxAnnotations     = 200
)

// metadata is a request's: a null value removes its key, a key that is missing stays.
type metadata struct {
	Labels      map[string]*string `json:"labels"`
	Annotations map[string]*string `json:"annotations"`
}

var (
	alphanumericEnds = regexp.MustCompile(`^[a-zA-Z\d](.*[a-zA-Z\d])?$`)
	invalidCharacter = regexp.MustCompile(`[^\w\-.]`)
	dnsPrefix        = regexp.MustCompile(`^(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])\.)+([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])$`)
)

// readMetadata checks a request's metadata; raw is nil if the request has none.
func readMetadata(raw json.RawMessage) (metadata, error) {
	var m metadata
	if raw == nil {
		return m, nil
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(raw, &keys) != nil || keys == nil {
		return m, unprocessable("Metadata must be an object")
	}
	var problems []string
	for _, k := range sortedKeys(keys) {
		if k != "labels" && k != "annotations" {
			problems = append(problems, "Metadata has unexpected field(s): '"+k+"'")
		}
	}
	if v, ok := keys["labels"]; ok && json.Unmarshal(v, &m.Labels) != nil {
		problems = append(problems, "Metadata 'labels' is not an object")
	}
	if v, ok := keys["annotations"]; ok && json.Unmarshal(v, &m.Annotations) != nil {
		problems = append(problems, "Metadata 'annotations' is not an object")
	}
	return m, joinProblems(append(problems, m.problems()...))
}

func joinProblems(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return unprocessable("%s", strings.Join(problems, ", "))
}

func (m metadata) problems() []string {
	var out []string
	for _, k := range sortedKeys(m.Labels) {
		if e := keyProblem(k); e != "" {
			out = append(out, "Metadata label key error: "+e)
		}
		if v := m.Labels[k]; v != nil {
			if e := valueProblem(*v); e != "" {
				out = append(out, "Metadata label value error: "+e)
			}
		}
	}
	for _, k := range sortedKeys(m.Annotations) {
		v := m.Annotations[k]
		if v == nil {
			continue
		}
		if e := keyProblem(k); e != "" && *v != "" {
			out = append(out, "Metadata annotation key error: "+e)
		}
		if utf8.RuneCountInString(*v) > maxAnnotationValue {
			out = append(out, "Metadata annotation value error: '"+first8(*v)+"...' is greater than 5000 characters")
		}
	}
	return out
}

func keyProblem(key string) string {
	if key == "" {
		return "key cannot be empty string"
	}
	if strings.Count(key, "/") > 1 {
		return "key has more than one '/'"
	}
	name := key
	if prefix, rest, ok := strings.Cut(key, "/"); ok {
		name = rest
		switch {
		case !dnsPrefix.MatchString(prefix):
			return "prefix '" + prefix + "' must be in valid dns format"
		case len(prefix) > maxMetadataPrefix:
			return "prefix '" + first8(prefix) + "...' is greater than 253 characters"
		case strings.EqualFold(prefix, "cloudfoundry.org"):
			return "prefix 'cloudfoundry.org' is reserved"
		}
	}
	if name == "" {
		return "key cannot be empty string"
	}
	return valueProblem(name)
}

func valueProblem(v string) string {
	switch {
	case v == "":
		return ""
	case invalidCharacter.MatchString(v):
		return "'" + v + "' contains invalid characters"
	case !alphanumericEnds.MatchString(v):
		return "'" + v + "' starts or ends with invalid characters"
	case len(v) > maxMetadataKey:
		return "'" + first8(v) + "...' is greater than 63 characters"
	}
	return ""
}

func first8(s string) string {
	r := []rune(s)
	return string(r[:min(len(r), 8)])
}

// merge applies metadata to a resource (ccng: app/actions/labels_update.rb, annotations_update.rb).
func (r *record) merge(m metadata) error {
	labels, before := mergeInto(r.labels, m.Labels)
	if len(labels) > maxLabels && len(labels) > before {
		return &apiError{422, 390020, "CF-LabelLimitExceeded", limitWords(len(m.Labels), "labels", maxLabels)}
	}
	annotations, before := mergeInto(r.annotations, m.Annotations)
	if len(annotations) > maxAnnotations && len(annotations) > before {
		return &apiError{422, 390023, "CF-AnnotationLimitExceeded", limitWords(len(m.Annotations), "annotations", maxAnnotations)}
	}
	r.labels, r.annotations = labels, annotations
	return nil
}

func limitWords(n int, what string, most int) string {
	return "Failed to add " + itoa(n) + " " + what + " because it would exceed maximum of " + itoa(most)
}

func mergeInto(old map[string]string, change map[string]*string) (merged map[string]string, before int) {
	merged = map[string]string{}
	for k, v := range old {
		merged[k] = v
	}
	for k, v := range change {
		if v == nil {
			delete(merged, k)
		} else {
			merged[k] = *v
		}
	}
	return merged, len(old)
}

func (r *record) metadata() obj {
	return obj{"labels": copyOf(r.labels), "annotations": copyOf(r.annotations)}
}

// copyOf is for answers, which are written after the lock was released.
func copyOf[V any](m map[string]V) map[string]V {
	out := make(map[string]V, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// present is the part that the answers of all resources have.
func (r *record) present() obj {
	return obj{
		"guid": r.guid, "created_at": stamp(r.created), "updated_at": stamp(r.updated),
		"metadata": r.metadata(),
	}
}

// patchMetadata handles a PATCH that may change only metadata.
func (c *call) patchMetadata(r *record) error {
	var body struct{ Metadata json.RawMessage }
	if _, err := c.bind(&body, "metadata"); err != nil {
		return err
	}
	m, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if err := r.merge(m); err != nil {
		return err
	}
	r.updated = c.p.now()
	return nil
}
