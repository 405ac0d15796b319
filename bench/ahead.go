package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/testbed/venv"
)

// agentDocument bakes Buildkite's agent, with a unit as its package has.
const agentDocument = `schemaVersion: 1.0
phases:
  - name: build
    steps:
      - name: Agent
        action: S3Download
        inputs: [{source: s3://bench/buildkite-agent, destination: /usr/bin/buildkite-agent}]
      - name: Unit
        action: ExecuteBash
        inputs:
          commands:
            - |
              chmod 755 /usr/bin/buildkite-agent
              printf '[Service]\nUser=buildkite-agent\nEnvironment=HOME=/var/lib/buildkite-agent\nExecStart=/usr/bin/buildkite-agent start\n' >/etc/systemd/system/buildkite-agent.service
`

// ahead compares a cold boot with its first job in an image that reads ahead with those in one that does not.
func (j *jobs) ahead(ctx context.Context) error {
	agent, err := venv.AgentProgram()
	if err != nil {
		j.report.note("prefetch: left out: %v", err)
		return nil
	}
	base, err := j.findBase(ctx)
	if err != nil {
		return err
	}

	data := filepath.Join(j.work, "ahead")
	if err := j.writeAgent(agent); err != nil {
		return err
	}
	var logins [2][]float64 // seconds from power-on
	var contestants []contestant
	for i, flags := range [][]string{{"--test", "none"}, {"--test", "vm+job", "--prefetch"}} {
		id, err := j.bakeAgent(ctx, data, base, flags...)
		if err != nil {
			return err
		}
		name := []string{"cold first job at " + coldStorage, "with prefetch"}[i]
		contestants = append(contestants, j.coldJob(name, data, id, &logins[i]))
	}

	samples, err := interleave(ctx, j.peerRounds, contestants)
	if err != nil {
		return err
	}
	table := rows("first job", contestants, samples)
	table[1].atMost(0.6)
	j.report.add(table...)
	j.report.add(compared("cold login at "+coldStorage, logins[0], logins[1])...)

	return nil
}

// compared are rows for figures that came with the samples of two contestants, of which the first is the round that does not count.
func compared(group string, without, with []float64) []row {
	var table []row
	for i, figures := range [][]float64{without, with} {
		sorted := slices.Sorted(slices.Values(figures[1:]))
		table = append(table, row{
			Group: group, Name: []string{"without prefetch", "with prefetch"}[i], Median: median(sorted), Min: sorted[0], Max: sorted[len(sorted)-1],
		})
	}
	table[1].Against = "without prefetch"
	table[1].Ratio = table[1].Median / table[0].Median

	return table
}

// writeAgent writes what bakeAgent bakes.
func (j *jobs) writeAgent(agent string) error {
	bucket := filepath.Join(j.work, "agent")
	if err := os.Mkdir(bucket, 0o755); err != nil {
		return err
	}
	in, err := os.Open(agent)
	if err != nil {
		return err
	}
	defer in.Close()

	out, err := os.Create(filepath.Join(bucket, "buildkite-agent"))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	_, writeErr := write(filepath.Join(j.work, "agent.yml"), agentDocument, 0o644)

	return errors.Join(err, out.Close(), writeErr)
}

// bakeAgent bakes an image with an agent and the mirror of the repository.
func (j *jobs) bakeAgent(ctx context.Context, data, base string, flags ...string) (string, error) {
	args := append([]string{
		j.program, "--data-dir", data, "bake", "--name", "agent", "--base", base, "--git-mirrors", j.repository.url,
		"--components", filepath.Join(j.work, "agent.yml"), "--bucket", "bench=" + filepath.Join(j.work, "agent"),
	}, flags...)
	_, id, err := timed(command(ctx, args...))
	return id, err
}

// coldJob is measured by what it says: the seconds from power-on to the end of the job.
func (j *jobs) coldJob(name, data, id string, logins *[]float64) contestant {
	return contestant{name: name, run: func(ctx context.Context) (s sample, err error) {
		_, said, err := timed(command(ctx, j.program, "--data-dir", data, "--json", "image", "test", id, "--test", "vm+job", "--cold", coldStorage))
		if err != nil {
			return sample{}, err
		}
		var proof image.Proof
		if err := json.Unmarshal([]byte(said), &proof); err != nil || proof.Job == nil {
			return sample{}, fmt.Errorf("read first job: %w: %s", err, said)
		}

		*logins = append(*logins, time.Duration(proof.Job.Login).Seconds())
		return sample{wall: time.Duration(proof.Job.Done)}, nil
	}}
}
