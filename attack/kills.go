package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// kills is how often each command is killed at a random moment.
const kills = 100

// killBakes ends bakes with kill -9 at random moments. No half image may be visible, the image before stays current,
// the next command clears the run, and nothing stays mounted, attached or running.
func killBakes(ctx context.Context, l lab, c *count) error {
	bake, err := l.prepare(ctx)
	if err != nil {
		return err
	}
	began := time.Now()

	if _, err := l.must(ctx, bake...); err != nil {
		return err
	}
	whole := time.Since(began)

	before, err := l.look(ctx)
	for range kills {
		if err != nil {
			return err
		}
		landed := false
		landed, err = l.kill(ctx, rand.N(whole+whole/8), bake...)
		if err != nil {
			return err
		}

		after, wrongs := l.faults(ctx, before)
		if ctx.Err() != nil {
			return ctx.Err()
		}

		if !landed && len(after.images) == len(before.images) {
			wrongs = append(wrongs, "the bake ended by itself, without an image")
		}

		c.judge(landed, wrongs)
		before = after
	}

	c.note("a bake takes %.1f s", whole.Seconds())
	_, err = l.must(ctx, bake...) // the store still takes a bake
	return err
}

// killPulls ends `base pull` with kill -9 at random moments. No half base may be listed, and the next command clears
// the run.
func killPulls(ctx context.Context, l lab, c *count) error {
	disk, err := l.makeDisk(ctx, "head -c 8M /dev/urandom >root/noise")
	if err != nil {
		return err
	}
	began := time.Now()

	if _, err := l.must(ctx, "base", "pull", "--name", baseName, disk); err != nil {
		return err
	}
	whole := time.Since(began)

	for range kills {
		if _, err := l.must(ctx, "base", "remove", baseName); err != nil {
			return err
		}
		landed, err := l.kill(ctx, rand.N(whole+whole/8), "base", "pull", "--name", baseName, disk)
		if err != nil {
			return err
		}

		wrongs := l.pullFaults(ctx, landed)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.judge(landed, wrongs)

		if _, err := l.must(ctx, "base", "pull", "--name", baseName, disk); err != nil {
			return err
		}
	}

	return nil
}

func (l lab) pullFaults(ctx context.Context, landed bool) []string {
	var listed struct{ Bases []struct{ Name, Disk string } }
	if err := l.read(ctx, &listed, "base", "list"); err != nil {
		return []string{"the next command failed: " + err.Error()}
	}

	wrongs := l.remains(0)
	if len(listed.Bases) == 0 && !landed {
		wrongs = append(wrongs, "base pull ended by itself, without a base")
	}

	for _, base := range listed.Bases {
		if same, err := sameFile(base.Disk, l.file("disk.raw")); !same {
			wrongs = append(wrongs, fmt.Sprintf("the base is not its disk (%v)", err))
		}
	}

	entries, err := os.ReadDir(filepath.Join(l.data, "bases"))
	if err != nil || len(entries) != len(listed.Bases) {
		wrongs = append(wrongs, fmt.Sprintf("bases/ has %d entries, want %d (%v)", len(entries), len(listed.Bases), err))
	}

	return wrongs
}

// sameFile reports whether two files hold the same bytes.
func sameFile(one, another string) (bool, error) {
	a, err := os.ReadFile(one)
	if err != nil {
		return false, err
	}
	b, err := os.ReadFile(another)
	return string(a) == string(b), err
}

// killExports ends `image export` with kill -9 at random moments. Under the file's name there is nothing or the whole
// disk, and after the next export nothing else is beside it.
func killExports(ctx context.Context, l lab, c *count) error {
	bake, err := l.prepare(ctx)
	if err != nil {
		return err
	}
	if _, err := l.must(ctx, bake...); err != nil {
		return err
	}

	target := l.file("exports")
	if err := os.Mkdir(target, 0o700); err != nil {
		return err
	}

	var shown struct{ Disk string }
	if err := l.read(ctx, &shown, "image", "show", "latest"); err != nil {
		return err
	}

	for i := range kills {
		format := []string{"raw", "qcow2"}[i%2]
		file := filepath.Join(target, "disk."+format)
		export := []string{"image", "export", "latest", file, "--force", "--format", format}
		began := time.Now()
		if _, err := l.must(ctx, export...); err != nil {
			return err
		}

		whole := time.Since(began)

		landed, err := l.kill(ctx, rand.N(whole+whole/8), export...)
		if err != nil {
			return err
		}
		var wrongs []string

		if left := l.processes(); left != "" {
			wrongs = append(wrongs, "10 s after the kill there still runs "+left)
		}

		if out, err := exec.CommandContext(ctx, "qemu-img", "compare", "-f", "raw", "-F", format, shown.Disk, file).CombinedOutput(); err != nil {
			wrongs = append(wrongs, fmt.Sprintf("the file is not the image: %v: %s", err, out))
		}

		if _, err := l.must(ctx, export...); err != nil {
			return err
		}
		c.judge(landed, append(wrongs, strays(target)...))
	}

	return nil
}

// strays empties a directory and returns what was in it besides exported disks.
func strays(dir string) []string {
	var wrongs []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []string{err.Error()}
	}

	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "disk.") {
			wrongs = append(wrongs, "the next export leaves "+entry.Name())
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			wrongs = append(wrongs, err.Error())
		}
	}

	return wrongs
}
