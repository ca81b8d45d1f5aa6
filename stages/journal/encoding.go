package journal

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// NewRunID makes the id of a run from its start and four random characters:
// "20261123-1542-k7wq". It fits into a label.
func NewRunID(now time.Time) string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789"
	random := make([]byte, 4)
	_, _ = rand.Read(random) // It never fails (crypto/rand: Read).
	for i, b := range random {
		random[i] = letters[int(b)%len(letters)]
	}
	return now.UTC().Format("20060102-1504-") + string(random)
}

// The annotations that are not facts.
const (
	keyID        = "id"
	keyStarted   = "started"
	keyVersion   = "version"
	keyDirection = "direction"
	stagePrefix  = "stage-"
)

func reserved(key string) bool {
	return slices.Contains([]string{keyID, keyStarted, keyVersion, keyDirection}, key) || strings.HasPrefix(key, stagePrefix)
}

// The limits of an annotation and of how many an object may have
// (cloud_controller_ng: app/messages/metadata_validator_helper.rb, config
// max_annotations_per_resource).
const (
	maxKey         = 63
	maxValue       = 5000
	maxAnnotations = 200
)

func fits(key, value string) error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return !plain(r) && !strings.ContainsRune("-_.", r) }) ||
		!plain(rune(key[0])) || !plain(rune(key[len(key)-1])) {
		return fmt.Errorf("%q cannot be the name of an annotation", key)
	}
	if n := utf8.RuneCountInString(value); n > maxValue {
		return fmt.Errorf("%s is too long: %d characters, and an annotation holds %d", key, n, maxValue)
	}
	return nil
}

// shorten leaves out the longest facts until the rest fits into an annotation.
func shorten(m Completion) (Completion, string, error) {
	m.Facts = maps.Clone(m.Facts)
	for {
		text, err := json.Marshal(m)
		if err != nil {
			return m, "", err
		}
		if utf8.RuneCount(text) <= maxValue || len(m.Facts) == 0 {
			return m, string(text), nil
		}
		longest, size := "", -1
		for _, key := range slices.Sorted(maps.Keys(m.Facts)) {
			if value, _ := json.Marshal(m.Facts[key]); len(key)+len(value) > size {
				longest, size = key, len(key)+len(value)
			}
		}
		delete(m.Facts, longest)
		m.LeftOut++
	}
}

func encode(run *Run) (map[string]string, error) {
	all := map[string]string{
		keyID: run.ID, keyStarted: run.Started.UTC().Format(time.RFC3339), keyVersion: run.Version, keyDirection: run.Direction,
	}
	for _, key := range slices.Sorted(maps.Keys(run.Facts)) {
		if reserved(key) {
			return nil, fmt.Errorf("%q is reserved for the journal", key)
		}
		all[key] = run.Facts[key]
	}
	for stage, m := range run.Complete {
		_, text, err := shorten(m)
		if err != nil {
			return nil, err
		}
		all[stagePrefix+stage] = text
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := fits(key, all[key]); err != nil {
			return nil, err
		}
	}
	if len(all) > maxAnnotations {
		return nil, fmt.Errorf("%d annotations are more than an object may have (%d)", len(all), maxAnnotations)
	}
	return all, nil
}

func decode(from *cloudfoundry.ServiceInstance) (*Run, error) {
	run := &Run{GUID: from.GUID, Direction: Forward, Facts: map[string]string{}, Complete: map[string]Completion{}}
	for key, value := range from.Annotations {
		var err error
		switch {
		case key == keyID:
			run.ID = value
		case key == keyStarted:
			run.Started, err = time.Parse(time.RFC3339, value)
		case key == keyVersion:
			run.Version = value
		case key == keyDirection:
			run.Direction = value
		case strings.HasPrefix(key, stagePrefix):
			var m Completion
			err = json.Unmarshal([]byte(value), &m)
			run.Complete[strings.TrimPrefix(key, stagePrefix)] = m
		default:
			run.Facts[key] = value
		}
		if err != nil {
			return nil, runner.Refuse("its annotation %s is damaged: %w", key, err)
		}
	}
	if run.ID == "" || from.Type != "user-provided" {
		return nil, runner.Refuse("it holds no run: this program did not create it")
	}
	return run, nil
}
