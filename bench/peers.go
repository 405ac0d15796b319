package main

import (
	"context"
	"embed"
	"os"
	"path/filepath"
)

//go:embed peers/*.sh
var peerRecipes embed.FS

// peers are the other image tools: the program that names the recipe, another that it needs, and Debian's packages.
var peers = []struct{ program, needs, packages string }{
	{"buildah", "buildah", "buildah"},
	{"disk-image-create", "sudo", "python3-diskimage-builder sudo"},
	{"mkosi", "systemd-nspawn", "mkosi systemd-container"},
	{"virt-customize", "qemu-system-x86_64", "guestfs-tools"},
	{"packer", "xorriso", "packer xorriso"},
}

// peers runs the other tools that are installed on the same jobs, beside the floor and a bake.
func (j *jobs) peers(ctx context.Context) error {
	v := j.volumes[0]
	var ready []string
	for _, p := range peers {
		if !installed(p.program, p.needs) {
			j.report.note("skipped %s: not installed: apt-get install %s", p.program, p.packages)
			continue
		}
		if err := j.preparePeer(ctx, v, p.program); err != nil {
			j.report.note("skipped %s: its preparation failed: %v", p.program, err)
			continue
		}
		ready = append(ready, p.program)
	}

	if len(ready) == 0 {
		return nil
	}

	for _, job := range []string{"null", "mirror"} {
		if err := j.comparePeers(ctx, v, job, ready); err != nil {
			return err
		}
	}

	return nil
}

func (j *jobs) comparePeers(ctx context.Context, v *volume, job string, programs []string) error {
	say("other tools, %s job on %s", job, v.kind)
	contestants := []contestant{j.bake(v, job), j.floor(v, job)}
	for _, program := range programs {
		c := j.peer(v, job, program)
		if _, err := c.once(ctx); err != nil {
			if ctx.Err() != nil {
				return err
			}
			j.report.note("skipped %s: the %s job failed: %v", program, job, err)
			continue
		}
		contestants = append(contestants, c)
	}

	samples, err := interleave(ctx, j.peerRounds, contestants)
	if err != nil {
		return err
	}
	j.report.note("other tools, %s job: %d rounds", job, j.peerRounds)
	j.report.add(rows("other tools, "+job+" job on "+v.kind, contestants, samples)...)

	return nil
}

// preparePeer writes a tool's recipe and does what it needs once.
func (j *jobs) preparePeer(ctx context.Context, v *volume, program string) error {
	recipe, err := peerRecipes.ReadFile("peers/" + program + ".sh")
	if err != nil {
		return err
	}
	work := filepath.Join(v.dir, program)
	if err := os.Mkdir(work, 0o700); err != nil {
		return err
	}
	if _, err := write(work+".sh", string(recipe), 0o700); err != nil {
		return err
	}

	_, err = j.runPeer(ctx, v, "null", program, "prepare")
	return err
}

func (j *jobs) peer(v *volume, job, program string) contestant {
	remove := func(context.Context) error { return os.RemoveAll(filepath.Join(v.dir, program+".raw")) }
	return contestant{
		name: program, before: remove, after: remove,
		run: func(ctx context.Context) (sample, error) {
			s, err := j.runPeer(ctx, v, job, program, "run")
			s.peak = 0
			return s, err
		},
	}
}

// runPeer runs a recipe, which gets everything through its environment.
func (j *jobs) runPeer(ctx context.Context, v *volume, job, program, verb string) (sample, error) {
	work := filepath.Join(v.dir, program)
	cmd := command(ctx, work+".sh", verb)
	cmd.Env = append(os.Environ(), "BASE="+v.base, "OUT="+work+".raw", "OFFSET="+j.offset, "SIZE="+j.size,
		"SCRIPT="+j.scripts[job], "SECRETS="+v.secrets, "WORK="+work, "TMPDIR="+work)
	s, _, err := timed(cmd)
	return s, err
}
