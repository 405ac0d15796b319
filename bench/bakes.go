package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var (
	//go:embed job/null.sh
	nullScript string
	//go:embed job/package.sh
	packageScript string
	//go:embed job/mirror.sh
	mirrorScript string
	//go:embed job/floor.sh
	floorScript string
)

// jobs is everything that the measurements of bakes share.
type jobs struct {
	*bench
	repository *repository
	volumes    []*volume
	scripts    map[string]string // name of a job → path of its script
	floorFile  string
	offset     string // of the base's root partition, in bytes
	size       string
}

// prepare makes what the chosen groups need: volumes with the base on them, the repository, the scripts.
func (b *bench) prepare(ctx context.Context) (*jobs, error) {
	j := &jobs{bench: b, scripts: map[string]string{}}
	bakes := b.needs("null", "mirror", "parallel", "parallel-mirror", "memory", "search", "peers", "publish blocks")
	var err error
	if bakes || b.needs(nearGroup, farGroup, "publish changes") {
		j.volumes, err = b.makeVolumes(ctx)
	}

	if err != nil || !bakes {
		return j, err
	}
	base, err := b.findBase(ctx)
	if err != nil {
		return nil, err
	}

	j.offset, j.size, err = rootPartition(ctx, base)
	if err != nil {
		return nil, err
	}

	for _, v := range j.volumes {
		if err := v.fill(ctx, b.program, base); err != nil {
			return nil, err
		}
	}

	j.repository, err = b.makeRepository(ctx)
	if err != nil {
		return nil, err
	}

	return j, j.writeScripts()
}

// needs reports whether one of these groups is to run.
func (b *bench) needs(groups ...string) bool { return slices.ContainsFunc(groups, b.only.MatchString) }

func (j *jobs) writeScripts() (err error) {
	mirror := strings.NewReplacer("@URL@", j.repository.url, "@COMMITS@", fmt.Sprint(commits)).Replace(mirrorScript)
	var errs [4]error
	j.scripts["package"], errs[3] = write(filepath.Join(j.work, "package.sh"), packageScript, 0o755)
	j.scripts["null"], errs[0] = write(filepath.Join(j.work, "null.sh"), nullScript, 0o755)
	j.scripts["mirror"], errs[1] = write(filepath.Join(j.work, "mirror.sh"), mirror, 0o755)
	j.floorFile, errs[2] = write(filepath.Join(j.work, "floor.sh"), floorScript, 0o755)
	return errors.Join(errs[:]...)
}

// targets are the most that a bake may take, in floors.
var targets = map[string]map[string]float64{
	"null":   {"ext4": 1.5, "reflink xfs": 2.0},
	"mirror": {"ext4": 1.2, "reflink xfs": 1.2},
}

// measure compares the bake of a job to the floor, on each volume.
func (j *jobs) measure(job string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, v := range j.volumes {
			say("%s on %s", job, v.kind)
			contestants := []contestant{j.floor(v, job), j.bake(v, job)}
			samples, err := interleave(ctx, j.rounds, contestants)
			if err != nil {
				return err
			}
			table := rows(job+" on "+v.kind, contestants, samples)
			table[1].atMost(targets[job][v.kind])
			j.report.add(table...)
		}

		return nil
	}
}

func (j *jobs) floor(v *volume, job string) contestant {
	out := filepath.Join(v.dir, "floor.raw")
	remove := func(context.Context) error { return os.RemoveAll(out) }
	return contestant{
		name: "floor", before: remove, after: remove,
		run: func(ctx context.Context) (sample, error) {
			s, _, err := timed(command(ctx, j.floorArgs(v, job, out)...))
			s.peak = 0 // that of cp or the script: tells nothing
			return s, err
		},
	}
}

func (j *jobs) floorArgs(v *volume, job, out string) []string {
	return []string{"sh", j.floorFile, v.base, out, j.offset, j.size, j.scripts[job], v.secrets}
}

func (j *jobs) bake(v *volume, job string) contestant {
	var id string
	return contestant{
		name: "image-builder bake",
		run: func(ctx context.Context) (s sample, err error) {
			s, id, err = timed(command(ctx, j.bakeArgs(v, job)...))
			s.peak = 0 // see the group memory
			return s, err
		},
		after: func(ctx context.Context) error { return j.remove(ctx, v, id) },
	}
}

func (j *jobs) bakeArgs(v *volume, job string) []string {
	return []string{j.program, "--data-dir", v.data, "bake", j.scripts[job], "--base", baseName, "--secrets", v.secrets, "--test", "none"}
}

func (j *jobs) remove(ctx context.Context, v *volume, id string) error {
	_, err := output(ctx, j.program, "--data-dir", v.data, "image", "remove", id)
	return err
}
