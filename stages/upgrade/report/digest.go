package report

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Subject is one of the things that a plan was made of: who is on a route, what a
// setting says. It is written so that the run's own steps leave it as it is, or
// change it from one of Was to Now; then any other change is somebody else's.
type Subject struct {
	// Name is what a person calls it: letters, digits, '-' and '_'.
	Name string
	// Now says what it is; "" where it is not there, which None says in words.
	Now, None string
	// Hidden is compared like Now, and never shown. It is hashed as a whole, such as
	// all variables of an app, so that no single value can be guessed by its hash.
	Hidden string
	// Was are what it may have been when the plan was approved, before the run's own
	// steps made it what it is now; "": it may not have been there.
	Was []string
	// Gone says that the run's own steps have removed it: whatever it was when the
	// plan was approved is right.
	Gone bool
}

// digestVersion begins a digest. Another one is not compared: what it was made of
// is not known.
const digestVersion = "1:"

// Digest is the digest of a plan: a short hash of each subject that is there, by
// name, so that a refusal can say which of them has changed with nothing stored
// anywhere.
func Digest(subjects []Subject) string {
	var parts []string
	for _, s := range subjects {
		if s.Now != "" {
			parts = append(parts, s.Name+"="+s.Hash())
		}
	}
	return digestVersion + strings.Join(parts, ",")
}

// hashOf is 40 bits of a hash: enough to tell one state of the world from another.
func hashOf(now, hidden string) string {
	sum := sha256.Sum256([]byte(now + "\x00" + hidden))
	return hex.EncodeToString(sum[:5])
}

// CheckDigest says what is wrong with a digest that somebody typed or passed on.
func CheckDigest(digest string) error {
	_, err := parseDigest(digest)
	return err
}

func parseDigest(digest string) (map[string]string, error) {
	rest, is := strings.CutPrefix(digest, digestVersion)
	if !is {
		return nil, fmt.Errorf("%q is not a digest that this version makes: plan anew", digest)
	}
	part := regexp.MustCompile(`^([A-Za-z0-9_-]+)=([0-9a-f]{10})$`)
	all := map[string]string{}
	for one := range strings.SplitSeq(rest, ",") {
		m := part.FindStringSubmatch(one)
		if m == nil {
			return nil, fmt.Errorf("%q is not a digest: %q is not a name and its hash", digest, one)
		}
		all[m[1]] = m[2]
	}
	return all, nil
}

// Agrees compares the world with the one that a plan was approved for. Each subject
// that differs, and that the run's own steps did not change, is named with what it is
// now.
func Agrees(digest string, subjects []Subject) error {
	approved, err := parseDigest(digest)
	if err != nil {
		return runner.Misconfigure("PLAN_DIGEST: %w", err)
	}
	var all []error
	for _, s := range subjects {
		all = append(all, s.agrees(approved[s.Name]))
		delete(approved, s.Name)
	}
	for name := range approved {
		all = append(all, fmt.Errorf("%s is not known to this version of the program", name))
	}
	return errors.Join(all...)
}

// agrees compares a subject with its hash in the digest; "": it is not in there.
func (s Subject) agrees(approved string) error {
	now := s.Hash()
	if s.Now == "" {
		now = ""
	}
	if approved == now || s.Gone && s.Now == "" {
		return nil
	}
	if slices.ContainsFunc(s.Was, func(was string) bool {
		return was == "" && approved == "" || was != "" && approved == hashOf(was, s.Hidden)
	}) {
		return nil
	}
	was := "another (" + approved + ")"
	if approved == "" {
		was = s.none()
	}
	is := s.Now
	if is == "" {
		is = s.none()
	}
	return fmt.Errorf("%s was %s when the plan was approved, and is now %s", s.Name, was, is)
}

func (s Subject) none() string {
	if s.None == "" {
		return "not there"
	}
	return s.None
}

// Hash is what a digest has of it.
func (s Subject) Hash() string { return hashOf(s.Now, s.Hidden) }
