package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// hostiles is how many of the hostile trees one run bakes, chosen at random.
const hostiles = 200

// treePlaces are the paths of an image that the program, the container or a step reads or writes.
func treePlaces() []string {
	return []string{
		"tmp", "etc", "run", "dev", "proc", "sys", "var", "var/log", "var/tmp", "var/lib", "root", "usr", "usr/bin", "home",
		"tmp/secrets", "run/image-builder", "run/systemd", "dev/null", "var/lib/buildkite-agent", "var/lib/cloud",
		"etc/resolv.conf", "etc/hosts", "etc/machine-id", "etc/os-release", "usr/lib/os-release", "etc/passwd", "etc/group",
		"etc/localtime", "etc/fstab", "bin/sh", "usr/bin/bash",
	}
}

// treeChanges are what such a path is replaced by: a shell command each, for the path $p. HOST is a directory of this
// machine.
func treeChanges() map[string]string {
	return map[string]string{
		"absolute link to the host":  `ln -s HOST "$p"`,
		"absolute link to a file":    `ln -s HOST/word "$p"`,
		"../ link to the host":       `ln -s ../../../../../../../../../..HOST "$p"`,
		"../ link to a file":         `ln -s ../../../../../../../../../..HOST/word "$p"`,
		"link to the host's /etc":    `ln -s ../../../../../../../../../../etc "$p"`,
		"link to /proc/1/root":       `ln -s /proc/1/root/HOST "$p"`,
		"dangling link":              `ln -s /nowhere/at/all "$p"`,
		"link to itself":             `ln -s "${p##*/}" "$p"`,
		"fifo":                       `mkfifo "$p"`,
		"device":                     `mknod "$p" c 1 5`,
		"device of a disk":           `mknod "$p" b 7 0`,
		"file":                       `echo file >"$p"`,
		"directory":                  `mkdir "$p"`,
		"file that cannot be opened": `echo file >"$p"; chmod 0 "$p"`,
	}
}

// bakeTrees bakes of bases whose trees lead out of the image or hold what is not a file. The bake ends, works or
// refuses the base with status 4, reads no word of the host and changes nothing there.
func bakeTrees(ctx context.Context, l lab, c *count) error {
	if _, err := l.prepare(ctx); err != nil {
		return err
	}
	host := l.file("host")
	word := "word-of-the-host-" + fmt.Sprint(rand.Uint64())
	if err := os.Mkdir(host, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(host, "word"), []byte(word+"\n"), 0o644); err != nil {
		return err
	}

	var all [][2]string
	for _, place := range treePlaces() {
		for name := range treeChanges() {
			all = append(all, [2]string{place, name})
		}
	}

	rand.Shuffle(len(all), func(i, j int) {
		all[i] = all[j]
		all[j] = all[i]
	})
	defer func() { c.note("of %d trees; the others that were tried gave an image or failed in a step", len(all)) }()

	before := hostState(ctx, host)
	for _, pick := range all[:hostiles] {
		change := "p=" + pick[0] + `; rm -rf "$p"; mkdir -p "$(dirname "$p")"; ` + strings.ReplaceAll(treeChanges()[pick[1]], "HOST", host)
		refused, wrongs, err := l.bakeTree(ctx, change, word)
		if err != nil {
			return err
		}

		if after := hostState(ctx, host); after != before {
			wrongs = append(wrongs, "the host changed:\n"+before+"\n"+after)
			before = after
		}

		for i := range wrongs {
			wrongs[i] = "/" + pick[0] + ", " + pick[1] + ": " + wrongs[i]
		}

		c.judge(refused, wrongs)
	}

	return nil
}

// bakeTree bakes of one tree.
func (l lab) bakeTree(ctx context.Context, change, word string) (refused bool, wrongs []string, err error) {
	disk, err := l.makeDisk(ctx, change)
	if err != nil {
		return false, nil, err
	}
	done, err := l.run(ctx, "bake", l.file("bootstrap.sh"), "--base", disk, "--test", "none")
	if err != nil {
		return false, nil, err
	}

	wrongs = refusal(done)
	if strings.Contains(done.text+done.stdout, word) {
		wrongs = append(wrongs, "a word of the host was printed")
	}

	if left := l.processes(); left != "" {
		wrongs = append(wrongs, "10 s after the bake there still runs "+left)
	}

	after, err := l.look(ctx)
	if err != nil {
		return false, nil, err
	}
	wrongs = append(wrongs, l.remains(len(after.images))...)
	for i, disk := range after.disks {
		if held, err := holds(disk, word); held || err != nil {
			wrongs = append(wrongs, fmt.Sprintf("a word of the host is in the image (%v)", err))
		}
		if _, err := l.must(ctx, "image", "remove", after.images[i]); err != nil {
			return false, nil, err
		}
	}

	return done.code == 4, wrongs, nil
}

// refusal returns what is wrong with the end of a command that was given a hostile disk: it must work, refuse the disk
// with exit status 4 and a reason, or name the step that failed in it with status 1.
func refusal(done outcome) []string {
	var wrongs []string
	if done.late {
		wrongs = append(wrongs, "it did not end within "+patience.String())
	}

	if strings.Contains(done.text, "panic:") || strings.Contains(done.text, "goroutine ") {
		wrongs = append(wrongs, "it panicked: "+done.text)
	}

	isRefused := done.code == 4 && strings.Contains(done.text, "error: ")
	isFailed := done.code == 1 && strings.Contains(done.text, "error: run step ")
	if done.code != 0 && !isRefused && !isFailed {
		wrongs = append(wrongs, fmt.Sprintf("exit status %d, want 4 with a reason, or a step that failed: %s", done.code, done.text))
	}

	return wrongs
}

// holds reports whether a file contains a word.
func holds(file, word string) (bool, error) {
	content, err := os.ReadFile(file)
	return bytes.Contains(content, []byte(word)), err
}

// hostState is what a hostile image would change: the directory that its links lead to and this machine's own files.
func hostState(ctx context.Context, dir string) string {
	const script = `find "$1" -printf '%p %m %U %s %T@\n'
		stat -c '%n %a %u %g %F' /tmp /run /dev /etc /var /root
		stat -L -c '%n %a %u %s %y' /etc/hosts /etc/passwd /etc/group /etc/hostname /etc/resolv.conf /etc/machine-id /etc/localtime /dev/null 2>&1`
	out, _ := exec.CommandContext(ctx, "sh", "-c", script, "sh", dir).CombinedOutput() // what is absent is part of it
	return string(out)
}
