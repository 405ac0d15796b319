package snapshot_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/snapshot"
	"image-builder/internal/testbed/venv"
	"image-builder/internal/testbed/wire"
)

// coldsnap runs an independent client against the account, and returns its output.
func (a account) coldsnap(tb testing.TB, args ...string) string {
	tb.Helper()
	args = append([]string{"--endpoint", a.Endpoint("ebs"), "--region", wire.Region}, args...)
	command := exec.CommandContext(tb.Context(), venv.Coldsnap(tb), args...)
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	for _, variable := range a.Env() {
		if !strings.HasSuffix(variable, "=") {
			command.Env = append(command.Env, variable)
		}
	}

	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		tb.Fatalf("coldsnap %v: %v\n%s", args, err, out)
	}

	return strings.TrimSpace(string(out))
}

// upload makes a snapshot with coldsnap and waits until EC2 calls it completed.
func (a account) coldsnapUpload(tb testing.TB, args ...string) string {
	tb.Helper()
	id := a.coldsnap(tb, append([]string{"upload", "--no-progress"}, args...)...)
	if found, err := a.ec2.Snapshot(tb.Context(), id); err != nil || found.State != snapshot.Completed {
		tb.Fatalf("%s is %+v, %v", id, found, err)
	}
	return id
}

func TestColdsnapReadsWhatWeWrite(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	random := seeded(5000)
	base := newLocal(t, 20<<20)
	base.scribble(t, random)
	first := a.mustUpload(t, base, "base", nil)
	changed := base.clone(t, 0)
	changed.scribble(t, random)
	changed.write(t, 0, make([]byte, 2*snapshot.BlockSize))

	second := a.mustUpload(t, changed, "changed", parentOf(first.Snapshot, base))

	for id, l := range map[string]local{first.Snapshot: base, second.Snapshot: changed} {
		path := filepath.Join(t.TempDir(), "disk.raw")
		a.coldsnap(t, "download", "--no-progress", id, path)

		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(l.disk.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got[:len(want)], want) || len(bytes.Trim(got[len(want):], "\x00")) > 0 {
			t.Errorf("coldsnap's disk of %s differs", id)
		}
	}
}

func TestWeReadWhatColdsnapWrites(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	base := newLocal(t, 20<<20)
	base.scribble(t, seeded(5001))
	id := a.coldsnapUpload(t, base.disk.Name())
	a.equal(t, base, id)

	down := newLocal(t, snapshot.GiB)
	if _, err := a.download(down, id, "").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.equal(t, down, id)
}

// With a parent, coldsnap's --omit-zero-blocks lets the parent's bytes show through. Our upload sends blocks that
// became zero.
func TestBlocksThatBecameZeroAreSent(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	secret := bytes.Repeat([]byte("secret "), snapshot.BlockSize/7)
	base := newLocal(t, 4<<20)
	base.write(t, 0, secret)
	base.write(t, 3*snapshot.BlockSize, secret)
	parent := a.mustUpload(t, base, "base", nil).Snapshot
	cleared := base.clone(t, 0)
	cleared.write(t, 0, make([]byte, snapshot.BlockSize))

	theirs := a.coldsnapUpload(t, "--parent-snapshot-id", parent, "--omit-zero-blocks", cleared.disk.Name())
	if block, err := a.EBS.Block(theirs, 0); err != nil || !bytes.Contains(block, []byte("secret")) {
		t.Errorf("coldsnap sends what became zero: this test no longer shows what it is for (%v)", err)
	}

	ours := a.mustUpload(t, cleared, "cleared", parentOf(parent, base))
	if ours.Blocks != 1 || ours.Zeroed != 1 {
		t.Errorf("sent %+v", ours)
	}
	a.equal(t, cleared, ours.Snapshot)
}

// Without a parent, neither holes nor written zeroes are sent.
func TestZeroesAreNotSentWithoutAParent(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	l := newLocal(t, 64<<20)
	l.write(t, 8<<20, make([]byte, 8<<20))
	l.write(t, 40<<20, []byte("data"))
	done := a.mustUpload(t, l, "sparse", nil)
	if done.Sent != 1 || done.Read > 9<<20 {
		t.Errorf("got %+v", done)
	}
	a.equal(t, l, done.Snapshot)
}
