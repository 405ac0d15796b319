package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a script does, the bake ends, says what happened, and leaves the host as it was.
func TestScriptsThatMisbehave(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	for name, test := range map[string]struct {
		script []string
		flags  []string
		code   int
		says   string // on standard error
	}{
		"fails":               {script: []string{"echo the reason >&2; exit 7"}, code: 1, says: "the reason"},
		"leaves a daemon":     {script: []string{"setsid nohup sleep 86399 >/dev/null 2>&1 & disown; echo started"}},
		"daemon keeps output": {script: []string{"setsid sleep 86398 & disown"}},
		"fills the root":      {script: []string{"head -c 8G /dev/zero >/fill"}, code: 1, says: "No space left"},
		"fills it and leaves": {script: []string{"head -c 8G /dev/zero >/fill || rm /fill"}},
		"removes /etc":        {script: []string{"rm -rf /etc /usr/lib/os-release"}, code: 1, says: "os-release"},
		"hangs":               {script: []string{"(setsid sleep 86397 &); sleep 86396"}, flags: []string{"--timeout", "5s"}, code: 124, says: "longer than 5s"},
		"leaves mounts": {script: []string{
			"mkdir -p /mnt/a /mnt/b; mount -t tmpfs none /mnt/a; mount --bind /usr /mnt/b",
		}},
		"links /tmp to the host": {script: []string{"rm -rf /var/tmp; ln -s ../../../../../../../etc /var/tmp; rm -f /etc/resolv.conf; ln -s /../../../../../etc/hostname /etc/resolv.conf"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := b
			b.t = t
			before := listing(t, "/etc")
			args := append([]string{"bake", b.script(test.script...), "--base", "debian:bookworm"}, test.flags...)
			_, code, text := b.try(args...)
			if code != test.code || !strings.Contains(text, test.says) {
				t.Errorf("exit status %d, want %d and the words %q:\n%s", code, test.code, test.says, text)
			}

			if after := listing(t, "/etc"); before != after {
				t.Errorf("/etc of the host changed:\n%s\n%s", before, after)
			}
		})
	}

	t.Cleanup(b.checkHostClean)
}

// A data directory without room for the disk is reported before anything is left in it. One that fills up while the
// script runs fails the bake, even if the script never noticed.
func TestFullDataDirectory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mebibytes int
		script    string
	}{
		"no room for the copy":            {mebibytes: 700, script: "true"},
		"filled by the script":            {mebibytes: 1400, script: "head -c 1G /dev/urandom >/big; sync /big"},
		"filled behind the script's back": {mebibytes: 1400, script: "head -c 1G /dev/urandom >/big"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBuilderIn(t, smallFilesystem(t, test.mebibytes))
			_, code, text := b.try("bake", b.script(test.script), "--base", "debian:bookworm", "--output", "/agent")
			if code == 0 {
				t.Errorf("the bake succeeded on a full disk:\n%s", text)
			}
			if _, code, _ := b.try("parameter", "get", "/agent"); code == 0 {
				t.Error("the output parameter was set")
			}
			b.checkHostClean()
		})
	}
}

// smallFilesystem mounts an ext4 file system of a size and returns its directory.
func smallFilesystem(t *testing.T, mebibytes int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounts a file system: run as root")
	}
	file := filepath.Join(t.TempDir(), "small.img")
	dir := t.TempDir()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	if err := os.Truncate(file, int64(mebibytes)<<20); err != nil {
		t.Fatal(err)
	}

	for _, command := range [][]string{{"mkfs.ext4", "-q", "-F", file}, {"mount", "-o", "loop", file, dir}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}

	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})

	return dir
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("ls", "-laR", "--time-style=full-iso", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
