package elasticsearch

import "testing"

func TestTheTagOfAnImage(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for name, c := range map[string]struct{ image, tag, other string }{
		"a tag":                             {"digitalmarketplace/search-api:release-1", "release-1", "digitalmarketplace/search-api:x"},
		"no tag":                            {"digitalmarketplace/search-api", "", "digitalmarketplace/search-api:x"},
		"a registry with a port":            {"registry:5000/a/b", "", "registry:5000/a/b:x"},
		"a registry with a port, and a tag": {"registry:5000/a/b:release-1", "release-1", "registry:5000/a/b:x"},
		"a digest":                          {"a/b" + digest, "", "a/b:x"},
		"a tag and a digest":                {"a/b:release-1" + digest, "release-1", "a/b:x"},
		"a port and a digest":               {"registry:5000/a/b" + digest, "", "registry:5000/a/b:x"},
		"a name alone":                      {"search-api", "", "search-api:x"},
		"a name alone with a tag":           {"search-api:1.0", "1.0", "search-api:x"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tagOf(c.image); got != c.tag {
				t.Errorf("the tag of %s is %q, not %q", c.image, got, c.tag)
			}
			if got := tagged(c.image, "x"); got != c.other {
				t.Errorf("%s under another tag is %s, not %s", c.image, got, c.other)
			}
		})
	}
}
