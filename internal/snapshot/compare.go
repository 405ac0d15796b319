package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Parent is the snapshot that a disk is compared with.
type Parent struct {
	Snapshot string // ID
	Digests  *Digests
	// Disk is the parent's disk, if it is on this machine; nil otherwise. Digests are this disk's. Blocks that the
	// filesystem still shares between the two disks are neither read nor sent. If it shares none, because it copied them,
	// the Differences beside the disk say which blocks to read. Without these, each block is compared with the parent's
	// before it is hashed: that takes a fifth of the time.
	Disk *os.File
}

// Comparison finds the blocks of a disk that its snapshot must contain.
type Comparison struct {
	Disk    *os.File
	Parent  *Parent  // nil: none, so every block that is not zero
	Digests *Digests // receives the digest of each block
	// Known says that Digests already holds this disk's digests. Then only changed blocks are read.
	Known bool
}

// Compared is the result of a comparison.
type Compared struct {
	Changed *Set  // blocks that the snapshot must contain
	Zeroed  int64 // those of them that became zero
	Read    int64 // bytes that were read, of both disks
	Shared  int64 // bytes that were not read, because they are known to be the parent's
}

// Changes compares without sending. If the digests are known, it reads nothing of the disk.
func (c Comparison) Changes(ctx context.Context) (Compared, error) {
	return c.run(ctx, discard{newBuffers(2 * runtime.GOMAXPROCS(0))})
}

// sink takes the blocks that changed, from several goroutines at once.
type sink interface {
	// buffer returns a buffer of BlockSize bytes; release gives it back.
	buffer(ctx context.Context) ([]byte, error)
	release(buffer []byte)
	// take sends a changed block and then releases its buffer. It may wait, and may return before the block is sent.
	take(ctx context.Context, block changed) error
	// seen receives how many of total bytes were compared so far.
	seen(done, total int64)
}

// changed is a block that the snapshot must contain.
type changed struct {
	index  int64
	digest Digest
	bytes  []byte // nil: zeroes
}

// comparing is a comparison in progress.
type comparing struct {
	Comparison
	sink   sink
	counts bool // the sink only counts, so it needs no bytes
	layout layout
	blocks int64
	found  Compared

	next  atomic.Int64 // the next block
	read  atomic.Int64
	zero  atomic.Int64
	inert atomic.Int64 // bytes that are known to be the parent's
	done  atomic.Int64 // bytes of data looked at
}

func (c Comparison) run(ctx context.Context, out sink) (Compared, error) {
	info, err := c.Disk.Stat()
	if err != nil {
		return Compared{}, fmt.Errorf("compare disk: %w", err)
	}
	blocks := blocksOf(info.Size())
	if c.Digests.Len() != blocks {
		return Compared{}, fmt.Errorf("compare disk %s: its digests are of a disk of %d blocks, not %d: remove them", c.Disk.Name(), c.Digests.Len(), blocks)
	}

	var theirs *os.File
	if c.Parent != nil {
		theirs = c.Parent.Disk
	}

	work := &comparing{Comparison: c, sink: out, blocks: blocks, found: Compared{Changed: newSet(blocks)}}
	_, work.counts = out.(discard)
	work.layout, err = newLayout(c.Disk, theirs, blocks)
	if err != nil {
		return Compared{}, err
	}

	group, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error { return work.stretches(ctx) })
	}

	err = group.Wait()
	work.found.Read = work.read.Load()
	work.found.Zeroed = work.zero.Load()
	work.found.Shared = work.inert.Load()
	return work.found, err
}

// stretch is how many blocks a goroutine takes at a time.
const stretch = 16

// stretches handles stretches of blocks until none is left; several goroutines run it.
func (c *comparing) stretches(ctx context.Context) error {
	buffer, err := c.sink.buffer(ctx)
	if err != nil {
		return err
	}
	part := &part{comparing: c, buffer: buffer}
	if c.Parent != nil && c.Parent.Disk != nil && !c.layout.written {
		part.base = make([]byte, BlockSize)
	}
	defer func() { c.sink.release(part.buffer) }()

	for {
		first := c.next.Add(stretch) - stretch
		switch {
		case first >= c.blocks:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		if err := part.compare(ctx, first, min(stretch, c.blocks-first)); err != nil {
			return err
		}
	}
}

// part is one goroutine's share of a comparison.
type part struct {
	*comparing
	buffer []byte // nil after a failure
	base   []byte // for a block of the parent's disk; nil if that is elsewhere, or comparing with it would not pay
	theirs [stretch]Digest
	known  [stretch]Digest // as in Digests
}

func (p *part) compare(ctx context.Context, first, count int64) error {
	if err := p.Digests.read(first, p.known[:count]); err != nil {
		return err
	}

	if p.Parent != nil {
		if err := p.Parent.Digests.read(first, p.theirs[:count]); err != nil {
			return err
		}
	}

	for i := range count {
		index := first + i
		digest, err := p.digest(index, p.theirs[i], p.known[i])
		if err != nil {
			return err
		}

		if !digest.Same(p.known[i]) {
			if err := p.Digests.Set(index, digest); err != nil {
				return err
			}
		}

		if !digest.Same(p.theirs[i]) {
			if err := p.pass(ctx, index, digest); err != nil {
				return err
			}
		}

		if p.layout.data.Has(index) {
			p.sink.seen(p.done.Add(BlockSize), p.layout.data.Len()*BlockSize)
		}
	}

	return nil
}

// digest returns the digest of a block; that of zeroes is the zero Digest. The block is in the buffer unless it is
// zero or the parent's.
func (p *part) digest(index int64, theirs, known Digest) (Digest, error) {
	switch {
	case !p.layout.data.Has(index):
		return Digest{}, nil
	case !p.layout.own.Has(index):
		p.inert.Add(BlockSize)
		return theirs, nil
	case p.Known && (p.counts || known.Same(theirs)):
		return known, nil
	}

	if err := readBlock(p.Disk, index, p.buffer); err != nil {
		return Digest{}, err
	}
	p.read.Add(BlockSize)

	same, err := p.unchanged(index, theirs)
	if err != nil || same {
		return theirs, err
	}
	digest := Sum(p.buffer)
	if p.Known && !digest.Same(known) {
		return Digest{}, &ChangedError{Path: p.Disk.Name()}
	}
	if digest.Zero() {
		return Digest{}, nil
	}

	return digest, nil
}

// unchanged reports whether the block in the buffer is that of the parent's disk. If it cannot tell without hashing,
// it reports false.
func (p *part) unchanged(index int64, theirs Digest) (bool, error) {
	if p.base == nil || p.Known || theirs.Zero() {
		return false, nil
	}
	if err := readBlock(p.Parent.Disk, index, p.base); err != nil {
		return false, err
	}
	p.read.Add(BlockSize)
	return bytes.Equal(p.buffer, p.base), nil
}

// pass passes a changed block on, and gets another buffer if the block took this one.
func (p *part) pass(ctx context.Context, index int64, digest Digest) error {
	p.found.Changed.Add(index)
	if digest.Zero() {
		p.zero.Add(1)
		return p.sink.take(ctx, changed{index: index, digest: digest})
	}

	block := changed{index: index, digest: digest, bytes: p.buffer}
	p.buffer = nil
	err := p.sink.take(ctx, block)
	if err == nil {
		p.buffer, err = p.sink.buffer(ctx)
	}

	return err
}

// readBlock reads a block of a disk, padded with zeroes beyond the disk's end.
func readBlock(file *os.File, index int64, into []byte) error {
	n, err := file.ReadAt(into, index*BlockSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read disk: %w", err)
	}
	clear(into[n:])
	return nil
}
