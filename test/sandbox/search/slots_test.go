package search

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The bench reports this count: the busy time is the sum over the slots of how long each is held.
func TestSlotsCountTheTimeTheyAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2)
		work := func(writes bool, d time.Duration, status int) {
			go func() {
				if s.take(writes, nil) {
					time.Sleep(d)
					s.release(writes, status)
				}
			}()
			synctest.Wait()
		}
		work(true, time.Second, 200)
		work(false, 3*time.Second, 200)
		work(true, 4*time.Second, 500) // waits a second
		time.Sleep(10 * time.Second)
		synctest.Wait()
		got := s.view(true)
		want := Tally{
			Instances: 1, Slots: 2, BusySeconds: 8, WritingSeconds: 5, QueuedSeconds: 1, MostWriting: 1, MostQueued: 1,
			Documents: 2, Requests: 3, ServerErrors: 1,
		}
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if again := s.view(false); again.MostQueued != 0 {
			t.Errorf("the peak of the queue is %d after it was reset", again.MostQueued)
		}
	})
}

// First come, first served; and a change of the number applies from then on.
func TestSlotsAreGivenInOrderAndCanBeReduced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(4)
		s.resize(1)
		var mu sync.Mutex
		var order []int
		for i := range 3 {
			go func() {
				s.take(false, nil)
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				time.Sleep(time.Second)
				s.release(false, 200)
			}()
			synctest.Wait()
		}
		if n := s.view(false).Held; n != 1 {
			t.Errorf("%d slots are held of 1", n)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(order, []int{0, 1, 2}) {
			t.Errorf("served in the order %v", order)
		}
		killed := make(chan struct{})
		s.take(false, killed)
		close(killed)
		if s.take(false, killed) {
			t.Error("a slot was given that was not released")
		}
	})
}
