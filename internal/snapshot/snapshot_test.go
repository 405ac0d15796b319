package snapshot_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"image-builder/internal/aws"
	"image-builder/internal/disk"
	"image-builder/internal/snapshot"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/wire"
)

// account is a test server with clients of it.
type account struct {
	*testbed.Cloud
	ebs *aws.EBS
	ec2 *aws.EC2
}

func newAccount(tb testing.TB) account {
	tb.Helper()
	cloud := testbed.Start(tb)
	session := aws.NewSession(cloud.Config())
	return account{cloud, &aws.EBS{Session: session}, &aws.EC2{Session: session}}
}

// hurried waits as little as a test can afford, but up to a minute on a busy machine.
var hurried = snapshot.Bounds{
	Attempt: 2 * time.Second, Total: time.Minute, Visible: 20 * time.Second, Settle: time.Minute, First: time.Millisecond, Most: 50 * time.Millisecond,
}

// local is a disk with its digests.
type local struct {
	dir     string
	disk    *os.File
	digests *snapshot.Digests
}

func newLocal(tb testing.TB, size int64) local {
	tb.Helper()
	l := local{dir: tb.TempDir()}
	disk, err := os.Create(filepath.Join(l.dir, "disk.raw"))
	if err == nil {
		err = disk.Truncate(size)
	}

	if err != nil {
		tb.Fatal(err)
	}
	l.disk = disk
	l.digests, err = snapshot.CreateDigests(filepath.Join(l.dir, snapshot.DigestsFile), size)
	if err != nil {
		tb.Fatal(err)
	}

	tb.Cleanup(func() {
		_ = l.disk.Close()
		_ = l.digests.Close()
	})
	return l
}

func (l local) size(tb testing.TB) int64 {
	tb.Helper()
	info, err := l.disk.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	return info.Size()
}

func (l local) write(tb testing.TB, at int64, text []byte) {
	tb.Helper()
	if _, err := l.disk.WriteAt(text, at); err != nil {
		tb.Fatal(err)
	}
}

// scribble changes a disk at random: data, zeroes and holes, at odd places.
func (l local) scribble(tb testing.TB, random *rand.Rand) {
	tb.Helper()
	size := l.size(tb)
	for range 1 + random.IntN(12) {
		at := random.Int64N(size)
		length := min(random.Int64N(3*snapshot.BlockSize)+1, size-at)

		switch random.IntN(4) {
		case 0:
			l.write(tb, at, make([]byte, length))
		case 1:
			at = at / snapshot.BlockSize * snapshot.BlockSize
			err := unix.Fallocate(int(l.disk.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, snapshot.BlockSize)
			if err != nil {
				tb.Fatal(err)
			}

		default:
			text := make([]byte, length)
			for i := range text {
				text[i] = byte(random.Uint32())
			}
			l.write(tb, at, text)
		}
	}
}

// clone returns a copy of a disk with its digests, grown by some bytes.
func (l local) clone(tb testing.TB, grown int64) local {
	tb.Helper()
	size := l.size(tb)
	c := newLocal(tb, size+grown)
	text := make([]byte, size)
	if _, err := l.disk.ReadAt(text, 0); err != nil {
		tb.Fatal(err)
	}
	c.write(tb, 0, text)
	return c
}

func (a account) upload(l local, name string, parent *snapshot.Parent) snapshot.Upload {
	return snapshot.Upload{
		Writer: a.ebs, Catalog: a.ec2, Disk: l.disk, Parent: parent, Digests: l.digests, Name: name, Description: "test " + name,
		Tags: map[string]string{"Name": name}, Journal: filepath.Join(l.dir, "journal"), Pace: snapshot.DefaultPace, Bounds: hurried,
	}
}

func (a account) mustUpload(tb testing.TB, l local, name string, parent *snapshot.Parent) snapshot.Uploaded {
	tb.Helper()
	done, err := a.upload(l, name, parent).Run(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return done
}

// equal compares a disk with a snapshot, byte for byte.
func (a account) equal(tb testing.TB, l local, id string) {
	tb.Helper()
	found, ok := a.EBS.Snapshot(id)
	if !ok || found.State != "completed" {
		tb.Fatalf("%s is %q", id, found.State)
	}
	size := l.size(tb)
	if found.Size != snapshot.VolumeSize(size) {
		tb.Errorf("%s has %d GiB, and the disk %d bytes", id, found.Size, size)
	}

	// All others are holes here and do not exist there.
	blocks := map[int64]bool{}
	for _, index := range a.EBS.Blocks(id) {
		blocks[index] = true
	}

	for extent, err := range disk.Extents(l.disk) {
		if err != nil {
			tb.Fatal(err)
		}
		for at := extent.Offset / snapshot.BlockSize; at*snapshot.BlockSize < extent.Offset+extent.Length; at++ {
			blocks[at] = true
		}
	}

	want := make([]byte, snapshot.BlockSize)
	for index := range blocks {
		at := index * snapshot.BlockSize
		clear(want)
		if _, err := l.disk.ReadAt(want[:min(snapshot.BlockSize, max(0, size-at))], at); err != nil {
			tb.Fatal(err)
		}
		got, err := a.EBS.Block(id, index)
		if err != nil {
			tb.Fatal(err)
		}

		if !bytes.Equal(got, want) {
			tb.Errorf("block %d of %s differs from the disk", index, id)
		}
	}
}

func parentOf(id string, l local) *snapshot.Parent {
	return &snapshot.Parent{Snapshot: id, Digests: l.digests}
}

func seeded(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 11)) } //nolint:gosec // to be repeated

// storm makes the network and the service fail at random.
func (a account) storm(random *rand.Rand) {
	a.Disturb("ebs", func(*http.Request) wire.Disturbance {
		n := rand.IntN(1000)
		switch {
		case n < 15:
			return wire.CutRequest
		case n < 30:
			return wire.CutAnswer
		case n == 30:
			return wire.Silence
		}
		return wire.Calm
	})

	for _, operation := range []string{"StartSnapshot", "PutSnapshotBlock", "CompleteSnapshot", "GetSnapshotBlock", "ListSnapshotBlocks"} {
		for _, fault := range []wire.Fault{
			{Code: "RequestThrottledException", Message: "slower"},
			{Code: "InternalServerException", Message: "trouble", Status: 500},
			{Code: "ThrottlingException", Message: "Rate exceeded"},
			wire.Cut, wire.CutLate,
		} {
			a.Fail("ebs", operation, fault, random.IntN(2))
		}
	}
}

// 200 random disks, changed at random, under random faults: each snapshot equals its disk, and each download its
// snapshot.
func TestRandomDisksUnderRandomFaults(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	for seed := range 200 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := seeded(seed)
			a.storm(random)
			a.EBS.Limit(ebs.Limits{Late: random.IntN(5), Completing: random.IntN(3), Puts: 200 + 2000*random.Float64(), Gets: -1})

			base := newLocal(t, 8<<20+random.Int64N(8<<20))
			base.scribble(t, random)
			first := a.mustUpload(t, base, fmt.Sprint(seed, " base"), nil)
			a.equal(t, base, first.Snapshot)

			changed := base.clone(t, random.Int64N(2)*random.Int64N(4<<20))
			changed.scribble(t, random)
			second := a.mustUpload(t, changed, fmt.Sprint(seed, " changed"), parentOf(first.Snapshot, base))
			a.equal(t, changed, second.Snapshot)

			a.pullBack(t, base, first.Snapshot, changed, second.Snapshot)
		})
	}
}

// pullBack downloads the first snapshot, and onto a copy of it the second one.
func (a account) pullBack(t *testing.T, base local, first string, changed local, second string) {
	t.Helper()
	down := newLocal(t, snapshot.VolumeSize(base.size(t))*snapshot.GiB)
	d := snapshot.Download{Reader: a.ebs, Snapshot: first, Disk: down.disk, Digests: down.digests, Pace: snapshot.DefaultPace, Bounds: hurried}
	if _, err := d.Run(t.Context()); err != nil {
		t.Fatal(err)
	}

	a.equal(t, down, first)

	d.Snapshot = second
	d.Earlier = first
	done, err := d.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	a.equal(t, down, second)
	if done.Blocks > 60 {
		t.Errorf("%d blocks were listed: not only those that differ", done.Blocks)
	}
}
