package journal_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// space is a space of a platform, in memory, in which names are unique. Waiting
// can be tested on it with a false clock.
type space struct {
	mu        sync.Mutex
	made      int
	instances map[string]*cloudfoundry.ServiceInstance
	writes    []string
	// before and after, where set, are called around each write, and may fail it.
	before, after func(op string) error
}

func newSpace() *space { return &space{instances: map[string]*cloudfoundry.ServiceInstance{}} }

func (s *space) Now() time.Time { return time.Now() }

func answer(op string, status int, detail string) error {
	return &cloudfoundry.Error{Op: op, Status: status, Detail: detail}
}

func notFound(op string) error { return answer(op, http.StatusNotFound, "Service instance not found.") }

func unavailable(op string) error { return answer(op, http.StatusServiceUnavailable, "") }

func (s *space) write(op string, do func() error) error {
	s.mu.Lock()
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		if err := before(op); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.writes = append(s.writes, op)
	err := do()
	s.mu.Unlock()
	if err == nil && after != nil {
		err = after(op)
	}
	return err
}

func (s *space) named(name string) *cloudfoundry.ServiceInstance {
	for _, i := range s.instances {
		if i.Name == name {
			return i
		}
	}
	return nil
}

func copied(i *cloudfoundry.ServiceInstance) *cloudfoundry.ServiceInstance {
	c := *i
	c.Labels, c.Annotations = maps.Clone(i.Labels), maps.Clone(i.Annotations)
	return &c
}

func (s *space) ServiceInstanceByName(ctx context.Context, name string) (*cloudfoundry.ServiceInstance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.named(name); found != nil {
		return copied(found), ctx.Err()
	}
	return nil, ctx.Err()
}

func (s *space) ServiceInstance(ctx context.Context, guid string) (*cloudfoundry.ServiceInstance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.instances[guid]; found != nil {
		return copied(found), ctx.Err()
	}
	return nil, notFound("GET " + guid)
}

func (s *space) CreateUserProvided(_ context.Context, name string, labels, annotations map[string]string) (*cloudfoundry.ServiceInstance, error) {
	var made *cloudfoundry.ServiceInstance
	err := s.write("create "+name, func() error {
		if there := s.named(name); there != nil {
			if there.Run() == labels[cloudfoundry.RunLabel] {
				made = copied(there)
				return nil
			}
			return runner.Refuse("the name is taken by something that is not ours: %w",
				answer("POST", http.StatusUnprocessableEntity, "The service instance name is taken: "+name+"."))
		}
		s.made++
		i := &cloudfoundry.ServiceInstance{GUID: fmt.Sprintf("guid-%d", s.made), Name: name, Type: "user-provided"}
		i.Labels, i.Annotations = maps.Clone(labels), maps.Clone(annotations)
		s.instances[i.GUID] = i
		made = copied(i)
		return nil
	})
	return made, err
}

func (s *space) DeleteServiceInstance(_ context.Context, guid string) error {
	return s.write("delete "+guid, func() error { delete(s.instances, guid); return nil })
}

func (s *space) RenameServiceInstance(_ context.Context, guid, name string) error {
	return s.write("rename "+guid, func() error {
		if s.instances[guid] == nil {
			return notFound("PATCH " + guid)
		}
		s.instances[guid].Name = name
		return nil
	})
}

func (s *space) SetMetadata(_ context.Context, _ cloudfoundry.Kind, guid string, _, annotations map[string]*string) error {
	keys := slices.Sorted(maps.Keys(annotations))
	return s.write("annotate "+guid+" "+strings.Join(keys, " "), func() error {
		there := s.instances[guid]
		if there == nil {
			return notFound("PATCH " + guid)
		}
		for k, v := range annotations {
			if v == nil {
				delete(there.Annotations, k)
			} else {
				there.Annotations[k] = *v
			}
		}
		return nil
	})
}

// on sets what happens before a write.
func (s *space) on(f func(op string) error) { s.mu.Lock(); defer s.mu.Unlock(); s.before = f }
