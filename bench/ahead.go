package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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

// The repository of these jobs: media, which cost an emulated processor little, so that storage is what a job waits for: with
// half as many, a warm volume itself comes to 0.6 of a cold one.
const (
	mediaFiles = 128
	mediaSize  = 4 << 20 // bytes
)

// ahead compares a cold boot with its first job in an image that reads ahead with those in one that does not, and with warm ones.
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

	url, err := j.serveMedia(ctx)
	if err := errors.Join(err, j.writeAgent(agent)); err != nil {
		return err
	}

	plain, err := j.bakeAgent(ctx, base, url, "--test", "none")
	if err != nil {
		return err
	}
	reading, err := j.bakeAgent(ctx, base, url, "--test", "vm+job", "--prefetch")
	if err != nil {
		return err
	}

	var logins [3][]float64 // seconds from power-on
	contestants := []contestant{
		j.firstJob("first job at "+coldStorage, plain, coldStorage, &logins[0]),
		j.firstJob("with prefetch", reading, coldStorage, &logins[1]),
		j.firstJob("warm, without prefetch", plain, "warm", &logins[2]),
	}
	samples, err := interleave(ctx, j.peerRounds, contestants)
	if err != nil {
		return err
	}

	table := rows("first job", contestants, samples)
	table[1].atMost(0.6)
	j.report.add(table...)
	j.report.add(compared("login before it", contestants, logins[:])...)
	lost := table[0].Median - table[2].Median
	j.report.note("prefetch: of the %.1f s that cold storage costs a first job, prefetch saves %.1f s", lost, table[0].Median-table[1].Median)

	return nil
}

// serveMedia makes a repository of media and serves it until the end of the run.
func (j *jobs) serveMedia(ctx context.Context) (url string, err error) {
	dir := filepath.Join(j.work, "media")
	tree := filepath.Join(dir, "repository")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return "", err
	}
	random := rand.NewChaCha8([32]byte{'m', 'e', 'd', 'i', 'a'})
	noise := make([]byte, mediaSize)
	for n := range mediaFiles {
		_, _ = random.Read(noise)
		if _, err := write(filepath.Join(tree, fmt.Sprintf("%d.bin", n)), string(noise), 0o644); err != nil {
			return "", err
		}
	}

	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "."},
		{"-c", "user.name=Bench", "-c", "user.email=bench@example.com", "commit", "--quiet", "--message=Media"},
	} {
		if _, err := output(ctx, append([]string{"git", "-C", tree}, args...)...); err != nil {
			return "", err
		}
	}
	url, err = j.serve(ctx, dir)
	j.report.note("repository of the first job: %d files of %d MiB that cannot be compressed", mediaFiles, mediaSize>>20)

	return url + "/repository/.git", err
}

// compared are rows for figures that came with the samples of contestants, of which the first is the round that does not count.
func compared(group string, contestants []contestant, figures [][]float64) []row {
	var table []row
	for i, c := range contestants {
		sorted := slices.Sorted(slices.Values(figures[i][1:]))
		r := row{Group: group, Name: c.name, Median: median(sorted), Min: sorted[0], Max: sorted[len(sorted)-1]}
		if i > 0 {
			r.Against = contestants[0].name
			r.Ratio = r.Median / table[0].Median
		}
		table = append(table, r)
	}

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

// bakeAgent bakes an image with an agent and a mirror.
func (j *jobs) bakeAgent(ctx context.Context, base, url string, flags ...string) (string, error) {
	args := append(j.agents(
		"bake", "--name", "agent", "--base", base, "--git-mirrors", url,
		"--components", filepath.Join(j.work, "agent.yml"), "--bucket", "bench="+filepath.Join(j.work, "agent"),
	), flags...)
	_, id, err := timed(command(ctx, args...))
	return id, err
}

// agents is a command on the images with an agent.
func (j *jobs) agents(args ...string) []string {
	return append([]string{j.program, "--data-dir", filepath.Join(j.work, "ahead")}, args...)
}

// firstJob is measured by what it says: the seconds from power-on to the end of the job.
func (j *jobs) firstJob(name, id, storage string, logins *[]float64) contestant {
	return contestant{name: name, run: func(ctx context.Context) (s sample, err error) {
		_, said, err := timed(command(ctx, j.agents("--json", "image", "test", id, "--test", "vm+job", "--cold", storage)...))
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
