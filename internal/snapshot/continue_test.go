package snapshot_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"image-builder/internal/snapshot"
	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/wire"
)

func (a account) download(l local, id, earlier string) snapshot.Download {
	return snapshot.Download{
		Reader: a.ebs, Snapshot: id, Disk: l.disk, Digests: l.digests, Earlier: earlier, Pace: snapshot.DefaultPace, Bounds: hurried,
	}
}

// cutting passes a number of blocks on, and then ends the context, like an interruption of the command.
type cutting struct {
	snapshot.Writer
	after int
	cut   context.CancelFunc

	mu   sync.Mutex
	sent []int64
}

func (c *cutting) Put(ctx context.Context, id string, index int64, block []byte, digest snapshot.Digest) error {
	err := c.Writer.Put(ctx, id, index, block, digest)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.sent = append(c.sent, index)
	}
	if len(c.sent) == c.after {
		c.cut()
	}
	return err
}

// filled is a disk whose blocks all differ.
func filled(tb testing.TB, blocks int64) local {
	tb.Helper()
	l := newLocal(tb, blocks*snapshot.BlockSize)
	for index := range blocks {
		l.write(tb, index*snapshot.BlockSize, []byte{byte(index), 1})
	}
	return l
}

func TestInterruptedUploadSendsNothingTwice(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	l := filled(t, 200)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	wire := &cutting{Writer: a.ebs, after: 50, cut: cancel}
	upload := a.upload(l, "interrupted", nil)
	upload.Writer = wire
	if _, err := upload.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}

	wire.after = -1
	done, err := upload.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.equal(t, l, done.Snapshot)
	slices.Sort(wire.sent)

	if len(slices.Compact(wire.sent)) != 200 || len(wire.sent) != 200 || done.Blocks != 200 || done.Sent > 150 {
		t.Errorf("%d blocks were sent, of 200: %+v", len(wire.sent), done)
	}
	if made := a.EBS.Snapshots(); len(made) != 1 {
		t.Errorf("snapshots: %v", made)
	}

	again, err := upload.Run(t.Context())
	if err != nil || again.Snapshot != done.Snapshot || len(wire.sent) != 200 {
		t.Errorf("uploaded again: %+v, %v", again, err)
	}
	if err := snapshot.Forget(upload.Journal); err != nil {
		t.Fatal(err)
	}

	again, err = upload.Run(t.Context())
	if err != nil || again.Snapshot != done.Snapshot || len(wire.sent) != 200 {
		t.Errorf("uploaded again by its token alone: %+v, %v", again, err)
	}
}

// interrupt sends a part of a disk.
func (a account) interrupt(t *testing.T, upload snapshot.Upload) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	upload.Writer = &cutting{Writer: a.ebs, after: 10, cut: cancel}
	if _, err := upload.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestSnapshotThatCameToNothingIsDeletedAndBegunAgain(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*testing.T, account, local, *snapshot.Upload){
		"given up by the service": func(_ *testing.T, a account, _ local, _ *snapshot.Upload) { a.EBS.Expire(a.EBS.Snapshots()[0]) },
		"other tags": func(_ *testing.T, _ account, _ local, u *snapshot.Upload) {
			u.Tags = map[string]string{"Name": "other"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t)
			l := filled(t, 60)
			upload := a.upload(l, name, nil)
			a.interrupt(t, upload)
			first := a.EBS.Snapshots()[0]
			harm(t, a, l, &upload)

			done, err := upload.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			a.equal(t, l, done.Snapshot)

			if made := a.EBS.Snapshots(); len(made) != 1 || made[0] == first {
				t.Errorf("snapshots: %v, the first was %s", made, first)
			}
		})
	}
}

func TestDiskThatChangedMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	l := filled(t, 60)
	upload := a.upload(l, "changing", nil)
	a.interrupt(t, upload)
	l.write(t, 0, make([]byte, 60*snapshot.BlockSize))
	l.write(t, 59*snapshot.BlockSize, []byte("other"))

	_, err := upload.Run(t.Context())
	if changed := (*snapshot.ChangedError)(nil); !errors.As(err, &changed) {
		t.Fatalf("got %v", err)
	}
	if made := a.EBS.Snapshots(); len(made) != 0 {
		t.Errorf("snapshots that will never be completed: %v", made)
	}

	done, err := upload.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.equal(t, l, done.Snapshot)
}

func TestTwoProcessesDoNotUploadTheSame(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	l := filled(t, 20)
	upload := a.upload(l, "twice", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	other := upload
	var busy error
	upload.Writer = &cutting{Writer: a.ebs, after: 5, cut: func() { _, busy = other.Run(ctx) }}
	if _, err := upload.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(busy, snapshot.ErrBusy) {
		t.Errorf("got %v", busy)
	}
}

func TestLostAnswersOfCompleteAndLateVisibility(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.EBS.Limit(ebs.Limits{Late: 12, Completing: 4})
	l := filled(t, 30)
	a.Fail("ebs", "CompleteSnapshot", wire.CutLate, 1)
	a.Fail("ebs", "StartSnapshot", wire.CutLate, 1)
	done := a.mustUpload(t, l, "late", nil)
	a.equal(t, l, done.Snapshot)
	if done.Retries == 0 || len(a.EBS.Snapshots()) != 1 {
		t.Errorf("got %+v of %v", done, a.EBS.Snapshots())
	}
}

func TestInterruptedDownloadGetsNothingTwice(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	l := filled(t, 200)
	id := a.mustUpload(t, l, "down", nil).Snapshot
	down := newLocal(t, snapshot.GiB)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	d := a.download(down, id, "")
	wire := &stopping{Reader: a.ebs, after: 60, cut: cancel}
	d.Reader = wire
	if _, err := d.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}

	// A half-written block is transferred again.
	if _, err := down.disk.WriteAt([]byte("torn"), firstWhole(t, down)*snapshot.BlockSize+1000); err != nil {
		t.Fatal(err)
	}
	wire.after = -1

	done, err := d.Run(t.Context())
	if err != nil || done.Kept < 30 || done.Got+done.Kept != 200 {
		t.Errorf("got %+v, %v", done, err)
	}
	a.equal(t, down, id)
}

// firstWhole is the first block that a download has completed.
func firstWhole(t *testing.T, l local) int64 {
	t.Helper()
	first := int64(-1)
	err := l.digests.Each(func(index int64, _ snapshot.Digest) error {
		if first < 0 {
			first = index
		}
		return nil
	})
	if err != nil || first < 0 {
		t.Fatalf("no block was kept: %v", err)
	}

	return first
}

// stopping receives a number of blocks, and then ends the context.
type stopping struct {
	snapshot.Reader
	after int
	cut   context.CancelFunc

	mu  sync.Mutex
	got int
}

func (s *stopping) Block(ctx context.Context, id string, at snapshot.Location, into []byte, held snapshot.Digest) (snapshot.Digest, error) {
	digest, err := s.Reader.Block(ctx, id, at, into, held)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got++
	if s.got == s.after {
		s.cut()
	}
	return digest, err
}

// Equal blocks are not transferred from an unrelated snapshot either.
func TestUnrelatedSnapshotBringsWhatDiffers(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	l := filled(t, 50)
	first := a.mustUpload(t, l, "first", nil).Snapshot
	other := l.clone(t, 0)
	other.write(t, 7*snapshot.BlockSize, []byte("other"))
	other.write(t, 9*snapshot.BlockSize, make([]byte, snapshot.BlockSize))
	second := a.mustUpload(t, other, "second", nil).Snapshot // no parent

	down := newLocal(t, snapshot.GiB)
	if _, err := a.download(down, first, "").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	done, err := a.download(down, second, first).Run(t.Context())
	if err != nil || done.Got != 1 || done.Kept != 48 || done.Zeroed != 1 {
		t.Errorf("got %+v, %v", done, err)
	}

	a.equal(t, down, second)
}

func TestDigestsBesideADiskAreComputedOnce(t *testing.T) {
	t.Parallel()
	l := filled(t, 9)
	if err := os.Remove(filepath.Join(l.dir, snapshot.DigestsFile)); err != nil {
		t.Fatal(err)
	}

	for range 2 {
		digests, err := snapshot.Beside(t.Context(), l.disk.Name())
		if err != nil {
			t.Fatal(err)
		}
		block := make([]byte, snapshot.BlockSize)
		if _, err := l.disk.ReadAt(block, 4*snapshot.BlockSize); err != nil {
			t.Fatal(err)
		}
		if got, err := digests.At(4); err != nil || got != snapshot.Sum(block) {
			t.Errorf("got %x, %v", got, err)
		}

		if err := digests.Close(); err != nil {
			t.Fatal(err)
		}
	}

	if snapshot.Sum(make([]byte, snapshot.BlockSize)) != snapshot.ZeroBlock {
		t.Error("a block of zeroes has another digest")
	}
}

// Blocks that equal the parent's disk are not hashed: digests that no block has show it.
func TestBlocksOfTheParentsDiskAreNotHashed(t *testing.T) {
	t.Parallel()
	base := filled(t, 9)
	for index := range int64(9) {
		if err := base.digests.Set(index, snapshot.Digest{1, byte(index)}); err != nil {
			t.Fatal(err)
		}
	}
	changed := base.clone(t, snapshot.BlockSize)
	changed.write(t, 4*snapshot.BlockSize+9, []byte("changed"))
	changed.write(t, 6*snapshot.BlockSize, make([]byte, snapshot.BlockSize))
	changed.write(t, 9*snapshot.BlockSize, []byte("new"))

	parent := &snapshot.Parent{Snapshot: "snap-1", Digests: base.digests, Disk: base.disk}
	found, err := snapshot.Comparison{Disk: changed.disk, Parent: parent, Digests: changed.digests}.Changes(t.Context())
	if err != nil || found.Changed.Len() != 3 || found.Zeroed != 1 || !found.Changed.Has(4) || !found.Changed.Has(6) || !found.Changed.Has(9) {
		t.Errorf("found %+v, %v", found, err)
	}

	block := make([]byte, snapshot.BlockSize)
	if _, err := changed.disk.ReadAt(block, 4*snapshot.BlockSize); err != nil {
		t.Fatal(err)
	}
	for index, want := range map[int64]snapshot.Digest{3: {1, 3}, 4: snapshot.Sum(block), 6: {}} {
		if got, err := changed.digests.At(index); err != nil || got != want {
			t.Errorf("digest of block %d: %x, %v", index, got, err)
		}
	}
}
