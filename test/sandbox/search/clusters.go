package search

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// Clusters is the service broker of Elasticsearch: one cluster in memory for each service instance.
type Clusters struct {
	clock *clock.Clock
	known known

	mu        sync.Mutex
	clusters  map[string]*cluster // by instance
	failWords string
}

// NewClusters returns a broker without clusters.
func NewClusters(c *clock.Clock) *Clusters {
	if c == nil {
		c = clock.New(0)
	}
	return &Clusters{clock: c, clusters: map[string]*cluster{}}
}

// Provision makes an empty cluster of that plan. It fails once with the text that FailNext was given.
func (c *Clusters) Provision(instance, plan string, _ json.RawMessage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if words := c.failWords; words != "" {
		c.failWords = ""
		return fmt.Errorf("%s", words)
	}
	if c.clusters[instance] == nil {
		c.clusters[instance] = &cluster{instance: instance, plan: plan, engine: engineOf(plan), clock: c.clock, known: &c.known, indices: map[string]*index{}}
	}
	return nil
}

// FailNext makes the next Provision fail with this text.
func (c *Clusters) FailNext(words string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failWords = words
}

// Deprovision deletes the cluster. It succeeds, too, if there is none: a broker answers 410, which counts as deleted.
func (c *Clusters) Deprovision(instance string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.clusters, instance)
	return nil
}

// Credentials are those of one binding. All bindings of an instance have the same cluster, each with its own user.
func (c *Clusters) Credentials(instance, binding string) map[string]any {
	user := "u" + digits(binding+"user", 16)
	password := digits(binding+instance, 32)
	h := host(instance)
	return map[string]any{
		"hostname": h, "port": "9200", "username": user, "password": password,
		"uri": "https://" + user + ":" + password + "@" + h + ":9200",
	}
}

// Break makes an instance's engine fail in that way until it is called with None. It returns false if there is no such
// instance.
func (c *Clusters) Break(instance string, o Outage) bool {
	k := c.of(instance)
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.outage = o
	return true
}

// Instances are the GUIDs of the instances that have a cluster.
func (c *Clusters) Instances() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.clusters))
}

func (c *Clusters) of(instance string) *cluster {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clusters[instance]
}

// at is the cluster at the uri of some credentials; nil if it was deleted.
func (c *Clusters) at(uri string) *cluster {
	u, err := url.Parse(uri)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for instance, k := range c.clusters {
		if host(instance) == u.Hostname() {
			return k
		}
	}
	return nil
}

// host is the host name of an instance, in the form of the real provider's.
func host(instance string) string {
	return "prod-es-" + strings.ToLower(digits(instance, 12)) + ".elasticsearch.internal"
}

func digits(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:n]
}

func uuidOf(instance string, n int) string {
	sum := sha256.Sum256([]byte(instance + strconv.Itoa(n)))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
