package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// memory are the rows of how much memory a fill takes, and of its rate, by the size of the index. A PUT takes no time of its
// own here: what is measured is the program, and the sandbox beside it.
func (b *bench) memory(ctx context.Context) error {
	sizes := []int{10_000, 30_000, 100_000, 300_000}
	first := 0.0
	for _, documents := range sizes {
		if !b.wants(fmt.Sprintf("memory-%d", documents)) {
			continue
		}
		f, err := b.filled(ctx, documents)
		if err != nil {
			return fmt.Errorf("memory-%d: %w", documents, err)
		}
		must, ok, beside := "less than 64 MiB", f.mib < 64, ""
		switch {
		case documents == sizes[0]:
			first = f.rate
		case documents == sizes[len(sizes)-1] && first > 0:
			must += fmt.Sprintf(", 90 %% of the rate at %s", thousands(sizes[0]))
			ok = ok && f.rate >= 0.9*first
			beside = fmt.Sprintf(", %.0f %% of it", 100*f.rate/first)
		}
		b.row(fmt.Sprintf("build-indices of %s documents of 8 KB", thousands(documents)), must,
			fmt.Sprintf("%.0f MiB at most, %.0f/s%s, %.2f ms of CPU a document", f.mib, f.rate, beside, f.cpu), peerMemory(documents), ok)
	}
	return nil
}

// peerMemory is the memory of the operator's Python script, at 36,000 documents.
func peerMemory(documents int) string {
	if documents == 30_000 {
		return "660 MiB for 36,000"
	}
	return ""
}

// fill is one whole run of build-indices: its peak of memory, documents a second by the program's own clock, milliseconds of
// processor time a document.
type fill struct{ mib, rate, cpu float64 }

func (b *bench) filled(ctx context.Context, documents int) (fill, error) {
	x, err := b.sandbox(ctx, false, "--instances=1", "--slots=8", "--put-time=0", fmt.Sprintf("--documents=%d", documents))
	if err != nil {
		return fill{}, err
	}
	defer x.end()
	if _, err := b.run(ctx, x, "run", "--to", "check-apps"); err != nil {
		return fill{}, err
	}
	p, err := b.run(ctx, x, "build-indices")
	if err != nil {
		return fill{}, err
	}
	usage, is := p.State().SysUsage().(*syscall.Rusage)
	if !is {
		return fill{}, fmt.Errorf("this system does not report the memory of a process")
	}
	put, rate, err := logged(p.Stderr(), "g-cloud-12")
	if err != nil {
		return fill{}, err
	}
	if put != documents {
		return fill{}, fmt.Errorf("%d documents were put, not %d", put, documents)
	}
	return fill{
		mib: float64(usage.Maxrss) / 1024, rate: rate,
		cpu: float64(cpu(p).Microseconds()) / 1000 / float64(put),
	}, nil
}

// logged finds in a log how many documents of an index were put, and how many a second.
func logged(log, alias string) (put int, rate float64, err error) {
	line := regexp.MustCompile(`put the documents of ` + regexp.QuoteMeta(alias) + `: ([0-9,]+) put, .* ([0-9]+)/s`).FindStringSubmatch(log)
	if line == nil {
		return 0, 0, fmt.Errorf("the log does not say how many documents of %s were put:\n%s", alias, tail(log))
	}
	put, _ = strconv.Atoi(strings.ReplaceAll(line[1], ",", ""))
	rate, _ = strconv.ParseFloat(line[2], 64)
	return put, rate, nil
}

// thousands writes 36,311.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
