package main

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// The job's form has DRY_RUN on, and unlock among its actions.
func TestUnlockWritesNothingInADryRun(t *testing.T) {
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 10, Briefs: 10, Pace: sandbox.PaceQuick})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	env := maps.Clone(box.Env())
	env["LEASE_HEARTBEAT"], env["LEASE_STALE_AFTER"] = "30s", "120s"
	lookup := func(name string) (string, bool) { value, is := env[name]; return value, is }

	call := func(args ...string) (int, string) {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"elasticsearch"}, args...), lookup, &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	if code, said := call("check-release", "--reports", t.TempDir()); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}

	settings, problems := environ.Load[elasticsearch.Settings](t.Context(), lookup)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	site, err := elasticsearch.Open(t.Context(), settings, elasticsearch.Options{Redact: environ.NewRedactor()})
	if err != nil {
		t.Fatal(err)
	}
	record, err := site.Journal().Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Lease().Acquire(httpclient.WithPermit(context.WithoutCancel(t.Context()), func(context.Context) error { return nil })); err != nil {
		t.Fatal(err)
	}
	defer site.Lease().Abandon()

	if code, said := call("unlock", "--run", record.Run, "--dry-run"); code != 0 || !strings.Contains(said, "dry run: the lease is left as it is") {
		t.Errorf("dry run: exit code %d: %s", code, said)
	}
	if code, said := call("unlock", "--run", record.Run); code != 0 || strings.Contains(said, "held by nobody") {
		t.Errorf("after a dry run nobody held the lease any more: exit code %d: %s", code, said)
	}
}
