package cloudfoundry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Domain is what the routes in a domain can be.
type Domain struct {
	GUID, Name string
	// Internal says that its routes lead from app to app, past the routers.
	Internal bool
	// TCP says that its routes are ports.
	TCP bool
}

// Domain reads one domain.
func (c *Routes) Domain(ctx context.Context, guid string) (*Domain, error) {
	var d resource.Domain
	if err := c.client.get(ctx, "/v3/domains/"+guid, nil, &d); err != nil {
		return nil, fmt.Errorf("read domain %s: %w", guid, err)
	}
	return &Domain{d.GUID, d.Name, d.Internal, slices.Contains(d.SupportedProtocols, "tcp")}, nil
}

// domainNames are those that this client has met, so that an address can be taken apart
// without asking for its domain again.
type domainNames struct {
	mu    sync.Mutex
	names map[string]bool
}

func (d *domainNames) met(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names == nil {
		d.names = map[string]bool{}
	}
	d.names[name] = true
}

func (d *domainNames) has(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[name]
}

// Arguments is an address as cf's route commands take it: domain, host, path or port.
// The domain is the longest that the client has met; if it has met none of them, the
// first label is taken for the host.
func (c *Routes) Arguments(address string) string {
	name, path, _ := strings.Cut(address, "/")
	name, port, _ := strings.Cut(name, ":")
	host, domain, _ := strings.Cut(name, ".")
	labels := strings.Split(name, ".")
	for i := range labels {
		if rest := strings.Join(labels[i:], "."); c.client.domains.has(rest) {
			host, domain = strings.Join(labels[:i], "."), rest
			break
		}
	}
	text := domain
	if host == "*" {
		host = strconv.Quote(host) // A shell would replace it by names of files.
	}
	if port != "" {
		return text + " --port " + port
	}
	if host != "" {
		text += " --hostname " + host
	}
	if path != "" {
		text += " --path /" + path
	}
	return text
}
