package sandbox

import (
	"math"
	"time"
)

// histogram counts durations in buckets that grow by a twentieth: precise enough for a median, and of a fixed size.
type histogram struct {
	buckets [500]int
	n       int
}

const growth = 1.05

func (h *histogram) add(d time.Duration) {
	us := max(float64(d.Microseconds()), 1)
	h.buckets[min(int(math.Log(us)/math.Log(growth)), len(h.buckets)-1)]++
	h.n++
}

// quantile is in milliseconds; 0 if there is nothing.
func (h *histogram) quantile(q float64) float64 {
	seen, want := 0, int(math.Ceil(q*float64(h.n)))
	for i, n := range h.buckets {
		seen += n
		if n > 0 && seen >= want {
			return math.Round(math.Pow(growth, float64(i)+0.5)) / 1000
		}
	}
	return 0
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
