package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"golang.org/x/sys/unix"

	"image-builder/internal/disk"
	"image-builder/internal/snapshot"
)

// changes measures how the changed blocks of a disk are found, what of it is read and sent, and in how much memory.
func (j *jobs) changes(ctx context.Context) (err error) {
	full, blocks, err := j.fullDisk(ctx)
	if err != nil {
		return err
	}
	a, err := j.openAccount(ctx, full, 0)
	if err != nil {
		return err
	}

	puts := 0
	for _, v := range j.volumes {
		s := &shelf{program: j.program, dir: filepath.Join(v.dir, "changes")}
		changed := 0
		changed, err = j.changesOn(ctx, a, s, v)
		puts += changed
		if err != nil {
			break
		}
	}

	calls, closeErr := a.close()
	if err := errors.Join(err, closeErr); err != nil {
		return err
	}

	r := row{Group: changesGroup, Name: "bytes sent", Against: "bytes of the changed blocks", Ratio: float64(calls["ebs.PutSnapshotBlock"]) / float64(puts)}
	r.aim("≤ 1.02×", r.Ratio <= 1.02)
	j.report.add(r)
	j.report.note("bytes sent: the test server got %d blocks, and %d had changed", calls["ebs.PutSnapshotBlock"], puts)
	return j.sizes(ctx, full, blocks)
}

const changesGroup = "changed blocks of 4 GiB, 3 % changed"

// changesOn compares the search for changed blocks with reading and hashing, then publishes once. It returns how many
// blocks changed.
func (j *jobs) changesOn(ctx context.Context, a *account, s *shelf, v *volume) (changed int, err error) {
	say("changed blocks on %s", v.kind)
	if err := s.pull(ctx, a); err != nil {
		return 0, err
	}
	path := filepath.Join(s.dir, "nightly.raw")
	changed, err = s.change(ctx, path)
	if err != nil {
		return 0, err
	}

	contestants := []contestant{
		role("hash all data, in a loop", hashRole, path), role("compare all data with the base, in a loop", compareRole, path, s.base.Disk),
		j.planning(a, s, path, int64(changed)),
	}
	samples, err := interleave(ctx, j.rounds, contestants)
	if err != nil {
		return 0, err
	}

	j.report.add(judgeSearch(rows(changesGroup+", "+v.kind, contestants, samples))...)
	if err := j.reading(ctx, a, s, v, path, changed); err != nil {
		return 0, err
	}
	if err := j.readingBaked(ctx, a, s, v); err != nil {
		return 0, err
	}
	_, err = j.publishing(nightlyName+v.kind, a, s, s.adopting(path, int64(changed))).once(ctx)

	return changed, err
}

// judgeSearch compares the rate of the last row's search with the faster of the loops before it.
func judgeSearch(table []row) []row {
	last := &table[len(table)-1]
	fastest := table[0]
	for _, r := range table[:len(table)-1] {
		if r.Median < fastest.Median {
			fastest = r
		}
	}

	for i := range table {
		table[i].Against = ""
	}

	rate := row{Group: last.Group, Name: "rate of the search", Against: fastest.Name, Ratio: fastest.Median / last.Median}
	rate.atLeast(0.8)

	return append(table, rate)
}

// role runs this program in one of its roles.
func role(name string, args ...string) contestant {
	return contestant{name: name, run: func(ctx context.Context) (sample, error) {
		s, _, err := timed(command(ctx, append([]string{"/proc/self/exe"}, args...)...))
		return s, err
	}}
}

// planning finds the changed blocks of an image of which nothing is known.
func (j *jobs) planning(a *account, s *shelf, disk string, changed int64) contestant {
	id := ""
	return contestant{
		name:   "image-builder publish --plan",
		before: func(ctx context.Context) (err error) { id, err = s.adopt(ctx, disk); return err },
		run: func(ctx context.Context) (sample, error) {
			run, out, err := timed(a.command(ctx, s.planArgs(id)...))
			if err != nil {
				return run, err
			}
			return run, foundExactly(out, changed)
		},
	}
}

func (s *shelf) planArgs(id string) []string {
	return []string{s.program, "--data-dir", s.dir, "--json", "publish", id, "--plan"}
}

var planBlocks = regexp.MustCompile(`"blocks":\s*(\d+)`)

// foundExactly checks the number of blocks in a plan.
func foundExactly(plan string, changed int64) error {
	found := planBlocks.FindStringSubmatch(plan)
	if found == nil || found[1] != strconv.FormatInt(changed, 10) {
		return fmt.Errorf("publish --plan: want %d blocks, got %s", changed, plan)
	}
	return nil
}

// reading counts the bytes that a search reads of everything: disks, digests, database, the program's own files.
func (j *jobs) reading(ctx context.Context, a *account, s *shelf, v *volume, path string, changed int) error {
	id, err := s.adopt(ctx, path)
	if err != nil {
		return err
	}
	read, err := bytesRead(a.command(ctx, s.planArgs(id)...))
	if err != nil {
		return err
	}
	data, err := disk.Data(path)
	if err != nil {
		return err
	}

	own := int64(changed) * snapshot.BlockSize
	r := row{Group: changesGroup + ", " + v.kind, Name: "bytes read by all of publish --plan, of an image of which nothing is known", Against: "bytes of all data", Ratio: float64(read) / float64(data)}
	if v.kind == "reflink xfs" {
		r.Against = "bytes of the blocks that are no longer the base's"
		r.Ratio = float64(read) / float64(own)
		r.aim("≤ 1.1×", r.Ratio <= 1.1)
	}

	j.report.add(r)
	j.report.note("%s: publish --plan read %.1f MiB in all (rchar of /proc/PID/io), of %.0f MiB of data, of which %.0f MiB changed",
		v.kind, mib(read), mib(data), mib(own))

	return nil
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// bytesRead runs a command and returns the bytes that it got from read calls.
func bytesRead(cmd *exec.Cmd) (int64, error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var info unix.Siginfo
	waitErr := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
	text, readErr := os.ReadFile(fmt.Sprintf("/proc/%d/io", cmd.Process.Pid)) // the process has ended, but is still there

	if err := errors.Join(waitErr, readErr, cmd.Wait()); err != nil {
		return 0, err
	}
	return readChars(string(text))
}

var rchar = regexp.MustCompile(`(?m)^rchar: (\d+)$`)

// readChars finds rchar in the text of /proc/PID/io.
func readChars(text string) (int64, error) {
	found := rchar.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("find rchar in %q", text)
	}
	return strconv.ParseInt(found[1], 10, 64)
}

// sizes measures the memory of publishing disks of several sizes, all with the same amount of data.
func (j *jobs) sizes(ctx context.Context, full string, fullBlocks int64) (err error) {
	dir := j.volumes[0].dir
	large := filepath.Join(dir, "large.raw")
	const largeSize = 64 << 30
	largeBlocks, err := makeDisk(ctx, large, largeSize)
	if err != nil {
		return err
	}
	a, err := j.openAccount(ctx, full, 0)
	if err != nil {
		return err
	}

	s := &shelf{program: j.program, dir: filepath.Join(dir, "sizes")}
	for _, disk := range []struct {
		path         string
		size, blocks int64
	}{{full, fullSize, fullBlocks}, {large, largeSize, largeBlocks}} {
		c := j.publishing(fmt.Sprintf("publish a disk of %d GiB", disk.size>>30), a, s, s.adopting(disk.path, disk.blocks))
		samples, runErr := interleave(ctx, j.rounds, []contestant{c})
		if runErr != nil {
			err = errors.Join(err, runErr)
			break
		}
		table := rows("memory of publish", []contestant{c}, samples)
		table[0].below(200)
		j.report.add(table...)
	}

	_, closeErr := a.close()
	return errors.Join(err, closeErr, os.Remove(large))
}
