package journal

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
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
	partPrefix   = "part-"
)

func reserved(key string) bool {
	return slices.Contains([]string{keyID, keyStarted, keyVersion, keyDirection}, key) ||
		strings.HasPrefix(key, stagePrefix) || strings.HasPrefix(key, partPrefix)
}

// The limits of an annotation and of how many an object may have
// (cloud_controller_ng: app/messages/metadata_validator_helper.rb, config
// max_annotations_per_resource).
const (
	maxKey         = 63
	maxValue       = 5000
	maxAnnotations = 200
	// forStages of them are kept for what is not a fact, so that there is always room
	// for the completion of a stage.
	forStages = 26
	maxFacts  = maxAnnotations - forStages
	// maxBuild is how much of a build's address is recorded.
	maxBuild = 1000
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
	m.Build = cut(m.Build, maxBuild)
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

// cut is the first characters of a text.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most])
}

// split is a fact as annotations. One that is longer than an annotation is cut into
// parts, and its own annotation has their number: "+3". So each write holds the whole
// fact, and a part that an earlier, longer value left behind is never read.
func split(key, value string) map[string]string {
	if utf8.RuneCountInString(value) <= maxValue && !strings.HasPrefix(value, "+") {
		return map[string]string{key: value}
	}
	all, number := map[string]string{}, 0
	for part := range slices.Chunk([]rune(value), maxValue) {
		number++
		all[partKey(number, key)] = string(part)
	}
	all[key] = "+" + strconv.Itoa(number)
	return all
}

func partKey(number int, key string) string { return fmt.Sprintf("%s%d-%s", partPrefix, number, key) }

// join is the fact whose annotation has a value. One without parts was written by a
// person, and stands as it is.
func join(key, value string, annotations map[string]string) (string, error) {
	if _, is := annotations[partKey(1, key)]; !is || !strings.HasPrefix(value, "+") {
		return value, nil
	}
	parts, err := strconv.Atoi(value[1:])
	if err != nil {
		return "", err
	}
	var whole strings.Builder
	for number := range parts {
		part, is := annotations[partKey(number+1, key)]
		if !is {
			return "", fmt.Errorf("part %d of %d is missing", number+1, parts)
		}
		whole.WriteString(part)
	}
	return whole.String(), nil
}

// encodeFacts are facts as annotations. It refuses names that cannot be.
func encodeFacts(facts map[string]string) (map[string]string, error) {
	all := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(facts)) {
		if reserved(key) {
			return nil, fmt.Errorf("%q is reserved for the journal", key)
		}
		maps.Copy(all, split(key, facts[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := fits(key, all[key]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Size is how many annotations facts take on the platform, and how many facts may take
// in all. A single fact has no limit of its own.
func Size(facts map[string]string) (size, most int, err error) {
	all, err := encodeFacts(facts)
	return len(all), maxFacts, err
}

func checkSize(facts map[string]string) error {
	size, most, err := Size(facts)
	if err == nil && size > most {
		err = fmt.Errorf("it would take %d annotations of %d characters, and %d is the most", size, maxValue, most)
	}
	return err
}

func encode(run *Run) (map[string]string, error) {
	if err := checkSize(run.Facts); err != nil {
		return nil, err
	}
	all, err := encodeFacts(run.Facts)
	if err != nil {
		return nil, err
	}
	all[keyID], all[keyStarted], all[keyVersion], all[keyDirection] = run.ID, run.Started.UTC().Format(time.RFC3339), run.Version, run.Direction
	for stage, m := range run.Complete {
		if _, all[stagePrefix+stage], err = shorten(m); err != nil {
			return nil, err
		}
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
		case strings.HasPrefix(key, partPrefix):
		default:
			run.Facts[key], err = join(key, value, from.Annotations)
		}
		if err != nil {
			return nil, runner.Refuse("its annotation %s cannot be read: %w", key, err)
		}
	}
	if run.ID == "" || from.Type != "user-provided" {
		return nil, runner.Refuse("it holds no run: this program did not create it")
	}
	return run, nil
}
