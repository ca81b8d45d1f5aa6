package main

import (
	"context"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// program are the flags of sandbox search-api: those of the sandbox whose documents it has.
type program struct {
	Stage     string `default:"preview" help:"Stage of the sandbox."`
	Documents *int   `placeholder:"36311" help:"Published services of G-Cloud 12."`
	Briefs    *int   `placeholder:"1192" help:"Briefs of all Digital Outcomes frameworks, without drafts."`
	Seed      uint64 `default:"1" help:"Seed of the random data: the same seed gives the same data."`
	Drift     int    `default:"3" help:"Documents in which blue's index differs from the data API."`
}

// searchAPI serves the search API as a program of its own, for --app-command.
func searchAPI(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var p program
	exited := -1
	parser, err := kong.New(&p, kong.Name("sandbox search-api"), kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }),
		kong.Description("The search API as one instance of an app: on PORT, with the service of VCAP_SERVICES, its engine in memory."))
	if err != nil {
		panic(err) // the flags above are wrong
	}
	if _, err = parser.Parse(args); exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "sandbox search-api: %v\n", err)
		return 2
	}
	o := sandbox.Options{Stage: p.Stage, Documents: sizeOption(p.Documents), Briefs: sizeOption(p.Briefs), Seed: p.Seed, Drift: zeroAsNone(p.Drift), PutTime: -1}
	if err := sandbox.SearchAPI(ctx, o, stdout); err != nil {
		fmt.Fprintf(stderr, "%v\n", err)
		return 1
	}
	return 0
}
