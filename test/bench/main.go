// Command bench measures the speed and memory of the program, and its load on others, against limits, on sandboxes of its own, and prints
// one table. scripts/bench builds the binaries that it runs.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// bench is one run of all measurements.
type bench struct {
	bin            string
	runs           int
	settle, window time.Duration
	only           *regexp.Regexp
	out            io.Writer
	failed         int
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	b := &bench{}
	flags.StringVar(&b.bin, "bin", "bin", "folder of the binaries")
	flags.IntVar(&b.runs, "runs", 3, "how often each measurement of slots is run; the median counts")
	flags.DurationVar(&b.settle, "settle", 10*time.Second, "how long the program has to use all slots")
	flags.DurationVar(&b.window, "window", 10*time.Second, "how long each measurement takes after that")
	only := flags.String("only", "", "measure only what this regular expression matches: "+strings.Join(names(), ", "))
	readme := flags.String("readme", "", "write the table into this `file`, between the comments that mark its place")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	var err error
	if b.bin, err = filepath.Abs(b.bin); err == nil {
		b.only, err = regexp.Compile(*only)
	}
	if err == nil {
		err = quotable(*readme, *only)
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %s", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	var table strings.Builder
	b.out = io.MultiWriter(stdout, &table)
	fmt.Fprintf(b.out, "%s\n\n| What | Must be | Measured | The Python script | |\n| --- | --- | --- | --- | --- |\n", machine(stderr))
	for _, m := range measurements() {
		if err := m.measure(b, ctx); err != nil {
			fmt.Fprintf(stderr, "bench: %s: %v\n", m.name, err)
			b.failed++
		}
		if ctx.Err() != nil {
			return 130
		}
	}
	if *readme != "" {
		if err := quote(*readme, table.String()); err != nil {
			fmt.Fprintln(stderr, "bench:", err)
			return 1
		}
	}
	if b.failed > 0 {
		fmt.Fprintln(stderr, "bench:", "some limits were missed")
		return 1
	}
	return 0
}

type measurement struct {
	name    string
	measure func(*bench, context.Context) error
}

func measurements() []measurement {
	return []measurement{
		{"slots-{http,https}-{1,2,8,20,64}", (*bench).slotsBusy},
		{"change-{slower,fewer,faster,more}", (*bench).changed},
		{"memory-{10000,30000,100000,300000}", (*bench).memory},
		{"resume", (*bench).resumed},
		{"beside", (*bench).beside},
		{"start", (*bench).starts},
		{"skip", (*bench).skips},
		{"dry-run", (*bench).dryRuns},
		{"binary", (*bench).binaries},
		{"sandbox", (*bench).sandboxes},
	}
}

func names() (all []string) {
	for _, m := range measurements() {
		all = append(all, m.name)
	}
	return all
}

func (b *bench) wants(name string) bool { return b.only.MatchString(name) }

// row is one line of the table.
func (b *bench) row(what, must, got, peer string, ok bool) {
	verdict := "ok"
	if !ok {
		verdict = "MISSED"
		b.failed++
	}
	fmt.Fprintf(b.out, "| %s | %s | %s | %s | %s |\n", what, must, got, peer, verdict)
}

// machine describes the machine, and warns where it is busy.
func machine(stderr io.Writer) string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); m != nil {
			model = string(m[1])
		}
	}
	average := "unknown"
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		average, _, _ = strings.Cut(string(text), " ")
		var n float64
		if _, err := fmt.Sscan(average, &n); err == nil && n > 0.3 {
			fmt.Fprintf(stderr, "bench: the load average is %s: the machine is busy with something else, and the results will suffer\n", average)
		}
	}
	return fmt.Sprintf("%s: %d cores (%s), Go %s, load average %s before; sandbox and program on the same machine.",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), model, runtime.Version(), average)
}
