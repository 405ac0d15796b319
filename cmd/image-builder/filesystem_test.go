package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"image-builder/internal/base/basetest"
)

// A secret that a script wrote and deleted again must be gone from the image on every file system: no file listing
// would show it, but the search of the disk would.
func TestDeletedSecretsAreNotInTheImage(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]func(b builder) string{
		"ext4 in a partition": func(builder) string { return "debian:bookworm" },
		"xfs on a whole disk": wholeDiskXFS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder(t)
			secrets := b.secrets(map[string]string{"token": "tok_1122334455667788\n"})
			reference := base(b)
			b.run("bake", b.script("cp /tmp/secrets/token /var/copied; sync; rm /var/copied"), "--base", reference, "--secrets", secrets)

			_, code, text := b.try("bake", b.script("cp /tmp/secrets/token /var/copied"), "--base", reference, "--secrets", secrets)
			if code != 5 {
				t.Errorf("exit status %d for a secret left in a file, want 5:\n%s", code, text)
			}
			b.checkHostClean()
		})
	}
}

// wholeDiskXFS makes a base of the Debian tree that is one xfs file system without a partition table.
func wholeDiskXFS(b builder) string {
	b.t.Helper()
	disk := filepath.Join(b.t.TempDir(), "xfs.raw")
	// One shell in a mount namespace of its own: its mounts go with it.
	script := `set -e
truncate -s 2G "$2"; mkfs.xfs -q "$2"
mkdir -p "$3/from" "$3/to"
read -r start sectors <<<"$(partx -g -b -o START,SECTORS "$1" | tail -1)"
mount -o "ro,loop,offset=$((start*512)),sizelimit=$((sectors*512))" "$1" "$3/from"
mount -o loop "$2" "$3/to"
cp -a "$3/from/." "$3/to/"
umount "$3/from" "$3/to"`

	cmd := exec.Command("unshare", "--mount", "bash", "-c", script, "bash", basetest.Debian(b.t).Disk, disk, b.t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("make xfs disk: %v\n%s", err, out)
	}

	return disk
}
