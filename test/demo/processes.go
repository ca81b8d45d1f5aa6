package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/test/rig"
)

const (
	// awaitRelease is the command before which the Jenkinsfile runs the release job.
	awaitRelease = "await-release"
	// switching is the command that runs several stages in one process.
	switching = "switch"
)

// commandsOf returns the commands of the runbook in the order in which a pipeline calls them. Commands of its other
// actions, such as rollback, are no steps of the runbook and are left out.
func commandsOf(pipeline string) ([]string, error) {
	text, err := os.ReadFile(pipeline)
	if err != nil {
		return nil, fmt.Errorf("%w: run this from the root of the repository", err)
	}
	book := elasticsearch.Runbook(nil)
	var commands []string
	for _, m := range regexp.MustCompile(`exec cutover elasticsearch ([a-z-]+)`).FindAllSubmatch(text, -1) {
		if name := string(m[1]); name == switching || book.Named(name) != nil {
			commands = append(commands, name)
		}
	}
	if len(commands) == 0 {
		return nil, fmt.Errorf("%s calls no stage", pipeline)
	}
	return commands, nil
}

// program is the cutover binary and how the rehearsal runs it.
type program struct {
	path, reports string
	env           map[string]string
	log           io.Writer
}

// processRun is one process of it.
type processRun struct {
	command string
	// again is set for a stage that switch has completed already, so that this process only skips it.
	again bool
	took  time.Duration
	err   error
}

// stage runs one command. The second report of a stage that switch has completed goes elsewhere, as in the Jenkinsfile, so
// that the first is kept.
func (p *program) stage(ctx context.Context, command string) processRun {
	r := processRun{command: command}
	reports := p.reports
	if done, _ := filepath.Glob(filepath.Join(p.reports, "[0-9][0-9]-"+command+".json")); len(done) > 0 {
		r.again, reports = true, filepath.Join(p.reports, "again")
	}
	c := p.command(command)
	c.Env["REPORTS"] = reports
	c.Stdout = p.log
	done, err := rig.RunToEnd(ctx, c)
	if r.err = err; done != nil {
		r.took = done.Took()
	}
	return r
}

func (p *program) command(args ...string) rig.Command {
	return rig.Command{Path: p.path, Args: append([]string{"elasticsearch"}, args...), Env: maps.Clone(p.env), Stderr: p.log, OwnGroup: true}
}

// traffic asks the program which app serves.
func (p *program) traffic(ctx context.Context) (string, error) {
	done, err := rig.RunToEnd(ctx, p.command("status", "--output", "json"))
	if err != nil {
		return "", err
	}
	var status struct {
		Card struct {
			Traffic string `json:"traffic"`
		} `json:"card"`
	}
	err = json.Unmarshal([]byte(done.Stdout()), &status)
	return status.Card.Traffic, err
}

// startSandbox starts a sandbox of a size, in a process of its own.
func startSandbox(ctx context.Context, path string, s size) (*rig.Sandbox, error) {
	return rig.StartProcess(ctx, rig.Command{Path: path, Args: s.flags(), OwnGroup: true})
}

// release runs the release job, and returns when it has ended.
func release(ctx context.Context, box *rig.Sandbox) error {
	return box.Deploy(ctx, rig.Deployment{Image: "digitalmarketplace/search-api:release-1235"})
}

// documents are the numbers of documents by the GUID of the Elasticsearch service and by alias.
func documents(ctx context.Context, box *rig.Sandbox) (map[string]map[string]int, error) {
	var snapshot struct {
		Search map[string]struct {
			Indices []struct {
				Docs    int      `json:"docs"`
				Aliases []string `json:"aliases"`
			} `json:"indices"`
		} `json:"search"`
	}
	if err := box.Snapshot(ctx, &snapshot); err != nil {
		return nil, err
	}
	counts := map[string]map[string]int{}
	for guid, cluster := range snapshot.Search {
		counts[guid] = map[string]int{}
		for _, index := range cluster.Indices {
			for _, alias := range index.Aliases {
				counts[guid][alias] = index.Docs
			}
		}
	}
	if len(counts) == 0 {
		return nil, errors.New("the sandbox has no Elasticsearch")
	}
	return counts, nil
}
