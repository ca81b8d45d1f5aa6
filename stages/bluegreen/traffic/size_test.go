package traffic_test

import (
	"fmt"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func TestTheSizeOfAnApp(t *testing.T) {
	for want, p := range map[string]cloudfoundry.Process{
		"1 instance of 512 MB, disk 1,024 MB":  {Instances: 1, MemoryMB: 512, DiskMB: 1024},
		"0 instances of 2,048 MB, disk 512 MB": {MemoryMB: 2048, DiskMB: 512},
	} {
		if got := traffic.Size(&p); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// resize gives an app another size.
func (w *world) resize(app string, memory, disk int) {
	w.t.Helper()
	w.ok(w.cf.Apps.ApplyManifest(w.ctx, fmt.Appendf(nil, "applications:\n- name: %s\n  memory: %dM\n  disk_quota: %dM\n", app, memory, disk)))
}

func TestAnInstanceOfGreenIsBigEnough(t *testing.T) {
	for name, c := range map[string]struct {
		blue, green [2]int
		// words are of the refusal; none: there is none.
		words []string
	}{
		"the same":           {[2]int{512, 1024}, [2]int{512, 1024}, nil},
		"green is larger":    {[2]int{512, 1024}, [2]int{1024, 2048}, nil},
		"less memory":        {[2]int{512, 1024}, [2]int{511, 1024}, []string{"elasticsearch-migration has 511 MB of memory, blue 512: cf scale elasticsearch-migration -m 512M -f"}},
		"less disk":          {[2]int{512, 1024}, [2]int{512, 1023}, []string{"elasticsearch-migration has 1023 MB of disk, blue 1024: cf scale elasticsearch-migration -k 1024M -f"}},
		"less of both":       {[2]int{512, 1024}, [2]int{256, 512}, []string{"-m 512M -f", "-k 1024M -f"}},
		"more for less disk": {[2]int{512, 1024}, [2]int{1024, 512}, []string{"-k 1024M -f"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.resize("search-api", c.blue[0], c.blue[1])
			w.resize(newApp, c.green[0], c.green[1])
			err := w.try(w.BigEnough())
			if len(c.words) == 0 {
				w.ok(err)
			}
			for _, words := range c.words {
				w.refused(err, words)
			}
		})
	}
}

func TestGreenHasEnoughInstances(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		words  string
		class  runner.Class
	}{
		"as many": {func(*world) {}, "", runner.Succeeded},
		"one fewer": {
			func(w *world) { w.scaled(w.green, 1) },
			"green has 1 routable instances, blue 2; if it has too few: cf scale elasticsearch-migration -i 2", runner.Failed,
		},
		"more":                     {func(w *world) { w.scaled(w.blue.App, 1) }, "", runner.Succeeded},
		"none, as blue":            {func(w *world) { w.scaled(w.green, 0); w.scaled(w.blue.App, 0) }, "green has 0 routable instances", runner.Failed},
		"somebody stopped green":   {func(w *world) { w.ok(w.cf.Apps.Stop(w.ctx, w.green)) }, "cf start elasticsearch-migration", runner.Refused},
		"somebody deleted blue":    {func(w *world) { w.ok(w.cf.Apps.Delete(w.ctx, w.blue.App)) }, "blue, once search-api, is gone", runner.Refused},
		"blue runs, and is scaled": {func(w *world) { w.scaled(w.blue.App, 3) }, "green has 2 routable instances, blue 3", runner.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			task := w.EnoughInstances()
			if task.Effect != runner.Proves || task.Wait != w.Proof.Timeout {
				t.Errorf("it %s, and waits %s", task.Effect, task.Wait)
			}
			err := w.once(task)
			if runner.ClassOf(err) != c.class {
				t.Errorf("its class is %d, not %d: %v", runner.ClassOf(err), c.class, err)
			}
			if c.words != "" {
				w.ok(failsWith(err, c.words))
			}
		})
	}
}

// scaled gives an app so many instances that take requests.
func (w *world) scaled(app string, instances int) {
	w.t.Helper()
	w.ok(w.cf.Apps.Scale(w.ctx, app, instances))
	w.routable(app, instances)
}
