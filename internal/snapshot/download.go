package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Download copies a snapshot into a sparse file.
//
// Disk and Digests together say what is already there: a block with a stored digest is not transferred again, once
// its content on the disk proved right. So the same Download continues where an earlier one stopped. To copy a
// snapshot that resembles another one, let Disk start as a clone of that one's disk and Digests as a copy of its
// digests.
type Download struct {
	Reader   Reader
	Snapshot string // its ID; it must be completed and belong to this account

	Disk    *os.File // opened for reading and writing
	Digests *Digests // of the disk's size
	// Earlier is the snapshot that Disk was cloned from; "" if it is not a clone. If the two are related, the service
	// lists the blocks that differ; otherwise the digests decide.
	Earlier string

	Pace   Pace
	Bounds Bounds
	Moved  func(Moved) // receives the download's progress a few times a second; may be nil
}

// Downloaded is the result of a download.
type Downloaded struct {
	Blocks  int64 // blocks in the snapshot, as far as listed
	Got     int64 // blocks that were transferred
	Kept    int64 // blocks that were already on the disk
	Zeroed  int64 // blocks that became holes
	Retries int64
}

// DamagedError says that a block's content does not match the service's checksum.
type DamagedError struct {
	Snapshot string
	Index    int64
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("get block %d of %s: its SHA-256 is not the one that the service states", e.Index, e.Snapshot)
}

// Unwrap marks the error as passing, so that the block is requested again.
func (e *DamagedError) Unwrap() error { return ErrPassing }

// downloading is a download in progress.
type downloading struct {
	Download
	*buffers

	caller *caller
	meter  *meter
	group  *errgroup.Group
	size   int64 // of the disk, in bytes
	blocks int64
	exist  *Set // blocks that the snapshot has

	got, kept, zeroed atomic.Int64
}

// Run downloads. Afterwards Disk has the snapshot's content, and Digests the digests of its blocks.
func (d Download) Run(ctx context.Context) (Downloaded, error) {
	info, err := d.Disk.Stat()
	if err != nil {
		return Downloaded{}, fmt.Errorf("download %s: %w", d.Snapshot, err)
	}
	if blocksOf(info.Size()) != d.Digests.Len() {
		return Downloaded{}, fmt.Errorf("download %s: %s has %d bytes, which its digests do not fit", d.Snapshot, d.Disk.Name(), info.Size())
	}

	work := &downloading{
		Download: d, buffers: newBuffers(d.Pace.Most + spare), caller: &caller{bounds: d.Bounds, window: newWindow(d.Pace)},
		size: info.Size(), blocks: d.Digests.Len(), exist: newSet(d.Digests.Len()),
	}
	work.meter = newMeter(d.Moved, work.caller)
	defer work.meter.run()()

	if err := work.run(ctx); err != nil {
		return Downloaded{}, fmt.Errorf("download %s: %w", d.Snapshot, err)
	}
	return Downloaded{
		Blocks: work.exist.Len(), Got: work.got.Load(), Kept: work.kept.Load(), Zeroed: work.zeroed.Load(), Retries: work.caller.retries.Load(),
	}, nil
}

func (d *downloading) run(ctx context.Context) error {
	if d.Earlier != "" {
		err := d.each(ctx, d.changedBlocks, d.replace)
		if !errors.Is(err, ErrUnrelated) && !errors.Is(err, ErrNotFound) {
			return err
		}
	}

	err := d.each(ctx, d.allBlocks, func(ctx context.Context, at Location) error {
		d.exist.Add(at.Index)
		return d.get(ctx, at)
	})
	if err != nil {
		return err
	}

	return d.clearOthers()
}

// list returns a page of blocks.
type list func(ctx context.Context, page string) (Page, error)

func (d *downloading) allBlocks(ctx context.Context, page string) (Page, error) {
	return d.Reader.Blocks(ctx, d.Snapshot, page)
}

func (d *downloading) changedBlocks(ctx context.Context, page string) (Page, error) {
	return d.Reader.ChangedBlocks(ctx, d.Earlier, d.Snapshot, page)
}

// each applies a function to every block of a list, several at a time.
func (d *downloading) each(ctx context.Context, pages list, do func(context.Context, Location) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(d.Pace.Most + spare)
	d.group = group

	err := d.pages(ctx, pages, func(at Location) {
		d.meter.expect()
		group.Go(func() error { return do(ctx, at) })
	})

	if failed := group.Wait(); failed != nil {
		return failed // the reason why the listing stopped
	}
	return err
}

func (d *downloading) pages(ctx context.Context, pages list, visit func(Location)) error {
	last := int64(-1)
	token := ""
	for {
		var page Page
		err := d.caller.call(ctx, "list blocks", func(ctx context.Context) (err error) {
			page, err = pages(ctx, token)
			return err
		})
		if err != nil {
			return err
		}
		if page.BlockSize != BlockSize {
			return fmt.Errorf("list blocks: they have %d bytes, and this program knows %d only", page.BlockSize, BlockSize)
		}

		for _, at := range page.Blocks {
			if at.Index <= last || at.Index >= d.blocks {
				return fmt.Errorf("list blocks: block %d is out of order, or beyond the disk's end", at.Index)
			}
			last = at.Index
			visit(at)
		}

		if page.Next == "" {
			return nil
		}
		token = page.Next
	}
}

// replace transfers a block that differs from the earlier snapshot's. A block without a token no longer exists in
// this one.
func (d *downloading) replace(ctx context.Context, at Location) error {
	if at.Token == "" {
		d.meter.move()
		return d.clear(at.Index)
	}
	d.exist.Add(at.Index)
	return d.get(ctx, at)
}

// get transfers a block to the disk, unless it is there.
func (d *downloading) get(ctx context.Context, at Location) error {
	buffer, err := d.buffer(ctx)
	if err != nil {
		return err
	}
	defer d.release(buffer)
	defer d.meter.move()

	held, err := d.held(at.Index, buffer)
	if err != nil {
		return err
	}
	if held != (Digest{}) && d.Earlier == "" { // an earlier run transferred it
		d.kept.Add(1)
		return nil
	}

	digest, err := d.fetch(ctx, at, buffer, held)
	if err != nil {
		return err
	}
	if digest == held {
		d.kept.Add(1)
		return nil
	}

	d.got.Add(1)
	return d.write(at.Index, buffer, digest)
}

// held returns the digest of a block on the disk, if the stored digest matches its content.
func (d *downloading) held(index int64, buffer []byte) (Digest, error) {
	digest, err := d.Digests.At(index)
	if err != nil || digest == (Digest{}) {
		return Digest{}, err
	}
	if err := readBlock(d.Disk, index, buffer); err != nil {
		return Digest{}, err
	}
	if Sum(buffer) != digest {
		return Digest{}, nil // half written, or changed since
	}

	return digest, nil
}

// fetch requests a block and verifies it. If the service states the held digest, the block on the disk stays.
func (d *downloading) fetch(ctx context.Context, at Location, buffer []byte, held Digest) (Digest, error) {
	var digest Digest
	err := d.caller.call(ctx, fmt.Sprintf("get block %d", at.Index), func(ctx context.Context) (err error) {
		digest, err = d.Reader.Block(ctx, d.Snapshot, at, buffer, held)
		if err != nil {
			return err
		}
		if digest != held && Sum(buffer) != digest {
			return &DamagedError{Snapshot: d.Snapshot, Index: at.Index}
		}
		return nil
	})

	return digest, err
}

// write writes a block and then stores its digest.
func (d *downloading) write(index int64, block []byte, digest Digest) error {
	if digest.Zero() {
		if err := d.punch(index); err != nil {
			return err
		}
		return d.Digests.Set(index, digest)
	}

	block = block[:min(BlockSize, d.size-index*BlockSize)]
	if err := d.Digests.Set(index, Digest{}); err != nil { // until the block is completely written
		return err
	}
	if _, err := d.Disk.WriteAt(block, index*BlockSize); err != nil {
		return fmt.Errorf("write disk: %w", err)
	}

	return d.Digests.Set(index, digest)
}

// clearOthers makes holes of the disk's blocks that the snapshot does not have.
func (d *downloading) clearOthers() error {
	return d.Digests.Each(func(index int64, _ Digest) error {
		if d.exist.Has(index) {
			return nil
		}
		return d.clear(index)
	})
}

func (d *downloading) clear(index int64) error {
	d.zeroed.Add(1)
	if err := d.punch(index); err != nil {
		return err
	}
	return d.Digests.Set(index, Digest{})
}

// punch makes a block a hole.
func (d *downloading) punch(index int64) error {
	err := unix.Fallocate(int(d.Disk.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, index*BlockSize, BlockSize)
	if errors.Is(err, unix.EOPNOTSUPP) {
		_, err = d.Disk.WriteAt(zeroes, index*BlockSize)
	}
	if err != nil {
		return fmt.Errorf("write disk: %w", err)
	}
	return nil
}
