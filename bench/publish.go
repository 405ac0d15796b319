package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/testbed/venv"
	"image-builder/internal/testbed/wire"
)

// fullDisk makes the disk that is published whole, once, and returns how many of its blocks are not zero.
func (j *jobs) fullDisk(ctx context.Context) (path string, blocks int64, err error) {
	path = filepath.Join(j.volumes[0].dir, "full.raw")
	if _, err := os.Stat(path); err == nil {
		blocks, err := nonZero(path)
		return path, blocks, err
	}

	blocks, err = makeDisk(ctx, path, fullSize)
	j.report.note("the published disk has %d GiB, of which %.1f GiB are random data in files of %d MiB: %d blocks",
		fullSize>>30, float64(fullData)/(1<<30), fileSize>>20, blocks)

	return path, blocks, err
}

// The groups of uploads: to a server that answers at once, and to one that waits before each call.
const (
	nearGroup = "publish uploads"
	farGroup  = "publish uploads, 20ms"
)

// uploads compares uploads of a whole disk, and of a nightly change, with this latency of each call.
func (j *jobs) uploads(latency time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		full, blocks, err := j.fullDisk(ctx)
		if err != nil {
			return err
		}
		j.report.note("uploads, %v a call: a change of 3 %% is a bake of bench/job/nightly.sh on the published AMI, with AWS credentials, a new one for each round; "+
			"publish alone is timed. One test server for all contestants, in a process of its own on the same cores, without quotas; it keeps blocks in memory, each content once", latency)

		return j.uploadsWith(ctx, full, blocks, latency)
	}
}

func (j *jobs) uploadsWith(ctx context.Context, full string, blocks int64, latency time.Duration) (err error) {
	say("publish with %v latency a call", latency)
	a, err := j.openAccount(ctx, full, latency)
	if err != nil {
		return err
	}
	defer func() {
		_, closeErr := a.close()
		err = errors.Join(err, closeErr)
	}()

	contestants := []contestant{sending(floorName, a, sendRole, full), sending(uploadName, a, uploadRole, full)}
	contestants = append(contestants, j.coldsnap(a, full)...)
	whole := &shelf{program: j.program, dir: filepath.Join(j.volumes[0].dir, fmt.Sprintf("whole-%v", latency))}
	contestants = append(contestants, j.publishing(wholeName, a, whole, whole.adopting(full, blocks)))

	for _, v := range j.volumes {
		c, err := j.nightly(ctx, a, v, latency)
		if err != nil {
			return err
		}
		contestants = append(contestants, c)
	}

	samples, err := interleave(ctx, j.rounds, contestants)
	if err != nil {
		return err
	}
	table := rows(fmt.Sprintf("publish %d GiB, %v a call", fullSize>>30, latency), contestants, samples)
	j.report.add(judgeUploads(table, blocks)...)

	return nil
}

// The names of contestants, by which they are compared.
const (
	floorName    = "ready-made blocks, sent in a loop"
	uploadName   = "blocks read, hashed and sent in a loop"
	coldsnapName = "coldsnap upload"
	quotaName    = "AWS's quota of 1,000 blocks a second"
	wholeName    = "image-builder publish, whole"
	nightlyName  = "image-builder publish, 3 % changed, "
)

// judgeUploads compares the rows of an upload of some blocks with each other, and adds a row for each comparison.
func judgeUploads(table []row, blocks int64) []row {
	at := map[string]row{}
	for i := range table {
		table[i].Against = ""
		at[table[i].Name] = table[i]
	}
	whole := at[wholeName]
	group := whole.Group

	judged := table
	if theirs, ok := at[coldsnapName]; ok {
		r := row{Group: group, Name: "rate of publish, whole", Against: coldsnapName, Ratio: theirs.Median / whole.Median}
		r.atLeast(1.5)
		judged = append(judged, r)
	}

	// The target is against what a server takes: this one has no quota, and AWS's is below what the loop may reach here.
	loop := row{Group: group, Name: "rate of publish, whole", Against: floorName, Ratio: at[floorName].Median / whole.Median}
	quota := row{Group: group, Name: "rate of publish, whole", Against: quotaName, Ratio: float64(blocks) / 1000 / whole.Median}
	if loop.Ratio >= quota.Ratio {
		loop.atLeast(0.8)
	} else {
		quota.atLeast(0.8)
	}
	judged = append(judged, loop, quota)

	// On cores that the server shares, hashing takes from the server's time. This loop hashes too.
	if theirs, ok := at[uploadName]; ok {
		judged = append(judged, row{Group: group, Name: "rate of publish, whole", Against: uploadName, Ratio: theirs.Median / whole.Median})
	}

	for _, other := range table {
		if volume, ok := strings.CutPrefix(other.Name, nightlyName); ok {
			r := row{Group: group, Name: "time of a 3 % change, " + volume, Against: wholeName, Ratio: other.Median / whole.Median}
			r.aim("< 0.10×", r.Ratio < 0.1)
			judged = append(judged, r)
		}
	}

	return judged
}

// sending runs this program in one of the roles that upload a disk. Its own process times itself: starting it, and
// loading ready-made blocks, do not count.
func sending(name string, a *account, role, disk string) contestant {
	return contestant{name: name, run: func(ctx context.Context) (sample, error) {
		s, out, err := timed(a.command(ctx, "/proc/self/exe", role, disk))
		if err != nil {
			return s, err
		}
		seconds, err := strconv.ParseFloat(out, 64)
		return sample{wall: time.Duration(seconds * float64(time.Second))}, err
	}}
}

// coldsnap uploads with its defaults, which send zeroes too, and without zeroes.
func (j *jobs) coldsnap(a *account, full string) []contestant {
	program, err := venv.ColdsnapProgram()
	if err != nil {
		j.report.note("skipped coldsnap: %v", err)
		return nil
	}

	upload := func(name string, flags ...string) contestant {
		return contestant{name: name, run: func(ctx context.Context) (sample, error) {
			args := append([]string{program, "--endpoint", a.endpoint, "--region", wire.Region, "upload", "--no-progress"}, flags...)
			s, _, err := timed(a.command(ctx, append(args, full)...))
			return s, err
		}}
	}

	return []contestant{upload(coldsnapName), upload(coldsnapName+" --omit-zero-blocks", "--omit-zero-blocks")}
}

// publishing publishes a new image each time, and checks how many blocks the snapshot was given. bring makes the image, and
// says how many that must be.
func (j *jobs) publishing(name string, a *account, s *shelf, bring func(context.Context) (id string, blocks int64, err error)) contestant {
	id := ""
	blocks := int64(0)

	return contestant{
		name:   name,
		before: func(ctx context.Context) (err error) { id, blocks, err = bring(ctx); return err },
		run: func(ctx context.Context) (sample, error) {
			s, out, err := timed(a.command(ctx, s.program, "--data-dir", s.dir, "--json", "publish", id, "--no-parameter"))
			if err != nil {
				return s, err
			}
			return s, sentExactly(out, blocks)
		},
	}
}

// adopting makes an image of a disk each time, of which nothing is known.
func (s *shelf) adopting(disk string, blocks int64) func(context.Context) (string, int64, error) {
	return func(ctx context.Context) (string, int64, error) {
		id, err := s.adopt(ctx, disk)
		return id, blocks, err
	}
}

// sentExactly checks the blocks in the result of publish.
func sentExactly(result string, blocks int64) error {
	var published struct {
		AMIs []image.Published `json:"amis"`
	}
	if err := json.Unmarshal([]byte(result), &published); err != nil {
		return fmt.Errorf("read the result of publish: %w", err)
	}
	if len(published.AMIs) != 1 || published.AMIs[0].Blocks != blocks {
		return fmt.Errorf("publish: want 1 AMI of %d blocks, got %s", blocks, result)
	}
	return nil
}
