package secret

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func command(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(context.Background(), args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// mountedDisk makes a small ext4 disk and mounts it without discard, so that deleting frees no block of the file.
func mountedDisk(t *testing.T) (disk, dir string, unmount func()) {
	t.Helper()
	needRoot(t)
	scratch := t.TempDir()
	disk = filepath.Join(scratch, "disk.raw")

	dir = filepath.Join(scratch, "mnt")
	if err := errors.Join(os.WriteFile(disk, nil, 0o600), os.Truncate(disk, 64<<20), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	command(t, "mkfs.ext4", "-q", disk)
	command(t, "mount", "-o", "loop,nodiscard", disk, dir)
	done := false
	unmount = func() {
		if !done {
			done = true
			command(t, "umount", dir)
		}
	}

	t.Cleanup(unmount)
	return disk, dir, unmount
}

// A deleted secret is in no directory of the disk, yet it is on the disk until the free space is trimmed.
func TestDeletedSecretIsALeakUntilTrimmed(t *testing.T) {
	t.Parallel()
	set := NewSet([]Secret{{"deploy_key", []byte("-----BEGIN X-----\nc2VjcmV0IG9mIHRoZSBkZXBsb3kga2V5\n-----END X-----\n")}})

	for name, test := range map[string]struct{ trim, leaks bool }{
		"not trimmed": {false, true},
		"trimmed":     {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk, dir, unmount := mountedDisk(t)
			file := filepath.Join(dir, "deploy_key")
			for one := range set.Each() {
				if err := os.WriteFile(file, one.Value, 0o600); err != nil {
					t.Fatal(err)
				}
			}

			command(t, "sync", "-f", dir)
			if hits := found(t, set.Search(), open(t, disk)); len(hits) == 0 {
				t.Fatal("the secret is not found while its file is there")
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}

			command(t, "sync", "-f", dir)
			if test.trim {
				command(t, "fstrim", dir)
			}

			if listed, _ := filepath.Glob(filepath.Join(dir, "*key*")); len(listed) > 0 {
				t.Fatalf("the file is still listed: %q", listed)
			}
			unmount()

			if hits := found(t, set.Search(), open(t, disk)); (len(hits) > 0) != test.leaks {
				t.Errorf("%d hits (%v), want a leak: %v", len(hits), hits, test.leaks)
			}
		})
	}
}
