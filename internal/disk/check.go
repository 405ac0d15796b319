package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Check proves that the root filesystem of the disk at path, which must not be mounted, is consistent. It changes
// nothing. It runs e2fsck -fn or xfs_repair -n; a Missing says which is not installed, a Damaged what was found.
func Check(ctx context.Context, path string) error {
	p, err := Root(path)
	if err != nil {
		return err
	}
	if p.Filesystem == XFS {
		return checkXFS(ctx, path, p)
	}
	// e2fsck reads the partition through the file itself: what was just written is still in memory there
	return runCheck(ctx, path, p, "e2fsprogs", "e2fsck", "-fn", fmt.Sprintf("%s?offset=%d", path, p.Offset))
}

// checkXFS gives xfs_repair the partition as a device: it takes no offset.
func checkXFS(ctx context.Context, path string, p Partition) (err error) {
	f, _, err := open(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()

	if p.Offset == 0 {
		return runCheck(ctx, path, p, "xfsprogs", "xfs_repair", "-n", "-f", path)
	}
	l, err := attach(f, p, true)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, l.release(ctx))
	}()

	return runCheck(ctx, path, p, "xfsprogs", "xfs_repair", "-n", l.device.Name())
}

func runCheck(ctx context.Context, path string, p Partition, pkg, program string, args ...string) error {
	exe, err := lookProgram(program, pkg)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.WaitDelay = 5 * time.Second
	defer tie(cmd)()

	report, err := cmd.CombinedOutput()

	if ctx.Err() != nil {
		return fmt.Errorf("check disk %s: %w", path, context.Cause(ctx))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	// e2fsck: bit 2 says errors were left, bit 3 that it could not work: with a superblock that lies, for example;
	// xfs_repair -n: 1 says there is corruption
	if (program == "e2fsck" && exit.ExitCode()&(4|8) != 0) || (program == "xfs_repair" && exit.ExitCode() == 1) {
		return &Damaged{Path: path, Filesystem: p.Filesystem, Report: lastLines(string(report), 12)}
	}

	return fmt.Errorf("check disk %s: run %s: %w:\n%s", path, program, err, lastLines(string(report), 12))
}

// lookProgram finds a program that may lie in a directory that only root's PATH has.
func lookProgram(program, pkg string) (string, error) {
	if exe, err := exec.LookPath(program); err == nil {
		return exe, nil
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/"} {
		if exe, err := exec.LookPath(dir + program); err == nil {
			return exe, nil
		}
	}
	return "", &Missing{Program: program, Package: pkg}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
