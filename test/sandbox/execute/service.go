package execute

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
)

// Broker runs a command for each service instance. It gets SERVICE_GUID, SERVICE_PLAN and SERVICE_PARAMETERS, and its address
// is in the credentials of each binding.
type Broker struct {
	Group *Group
	Line  string
	Log   func(stderr bool, line string)
	// StartTime is how long it may take until it listens.
	StartTime time.Duration

	mu        sync.Mutex
	instances map[string]*Process
}

var _ platform.Broker = (*Broker)(nil)

// Provision starts the command and waits until it listens.
func (b *Broker) Provision(instance, plan string, parameters json.RawMessage) error {
	p, err := b.Group.Start(b.Line, map[string]string{"SERVICE_GUID": instance, "SERVICE_PLAN": plan, "SERVICE_PARAMETERS": string(parameters)}, b.Log)
	if err != nil {
		return err
	}
	end := time.Now().Add(b.StartTime)
	for p.Listens() != nil {
		select {
		case <-p.Ended():
			return fmt.Errorf("the service's command ended with status %d", p.Status())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			_ = p.Close()
			return fmt.Errorf("the service's command does not listen on PORT after %s", b.StartTime)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.instances == nil {
		b.instances = map[string]*Process{}
	}
	b.instances[instance] = p
	return nil
}

// Deprovision ends the command: SIGTERM, and SIGKILL ten seconds later.
func (b *Broker) Deprovision(instance string) error {
	b.mu.Lock()
	p := b.instances[instance]
	delete(b.instances, instance)
	b.mu.Unlock()
	if p == nil {
		return nil
	}
	p.Terminate()
	go func() {
		select {
		case <-p.Ended():
		case <-time.After(10 * time.Second):
		}
		_ = p.Close()
	}()
	return nil
}

// Credentials have the address of the instance's command.
func (b *Broker) Credentials(instance, _ string) map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.instances[instance]
	if p == nil {
		return map[string]any{}
	}
	return map[string]any{"uri": "http://" + p.Address(), "hostname": "127.0.0.1", "port": p.port}
}
