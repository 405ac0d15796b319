package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// DigestsFile is the usual name of the file of digests beside a disk.
const DigestsFile = "disk.digests"

const digestSize = int64(len(Digest{}))

// Digests is a file that holds the digest of each block of a disk: 32 bytes a block, at 32 times its index. Blocks
// that were never written are holes of the file, so the digests of a large empty disk take no room. Several
// goroutines may use it at once.
type Digests struct {
	file   *os.File
	blocks int64
}

// CreateDigests makes the digests of a disk of this many bytes, or opens existing ones. Digests of a disk of another
// size are an error.
func CreateDigests(path string, bytes int64) (*Digests, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open digests: %w", err)
	}

	info, err := file.Stat()
	if err == nil && info.Size() == 0 {
		err = file.Truncate(blocksOf(bytes) * digestSize)
	} else if err == nil && info.Size() != blocksOf(bytes)*digestSize {
		err = fmt.Errorf("%s is not of a disk of %d bytes: remove it", path, bytes)
	}

	if err != nil {
		return nil, errors.Join(fmt.Errorf("open digests: %w", err), file.Close())
	}
	return &Digests{file: file, blocks: blocksOf(bytes)}, nil
}

// OpenDigests opens digests for reading.
func OpenDigests(path string) (*Digests, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open digests: %w", err)
	}

	info, err := file.Stat()
	if err == nil && info.Size()%digestSize != 0 {
		err = fmt.Errorf("%s is cut off: remove it", path)
	}

	if err != nil {
		return nil, errors.Join(fmt.Errorf("open digests: %w", err), file.Close())
	}
	return &Digests{file: file, blocks: info.Size() / digestSize}, nil
}

// Len returns how many blocks the disk has.
func (d *Digests) Len() int64 { return d.blocks }

// At returns the digest of a block. Blocks beyond the disk's end count as never written.
func (d *Digests) At(index int64) (Digest, error) {
	var digest Digest
	if index >= d.blocks {
		return digest, nil
	}

	if _, err := d.file.ReadAt(digest[:], index*digestSize); err != nil && !errors.Is(err, io.EOF) {
		return digest, fmt.Errorf("read digests: %w", err)
	}
	return digest, nil
}

// read reads the digests from an index on. Those beyond the disk's end count as never written.
func (d *Digests) read(first int64, into []Digest) error {
	clear(into)
	raw := make([]byte, len(into)*len(Digest{}))
	n, err := d.file.ReadAt(raw, first*digestSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read digests: %w", err)
	}
	for i := range n / len(Digest{}) {
		into[i] = Digest(raw[i*len(Digest{}) : (i+1)*len(Digest{})])
	}
	return nil
}

// Set stores the digest of a block.
func (d *Digests) Set(index int64, digest Digest) error {
	if _, err := d.file.WriteAt(digest[:], index*digestSize); err != nil {
		return fmt.Errorf("write digests: %w", err)
	}
	return nil
}

// Each visits the blocks that were written, in order, until visit returns an error.
func (d *Digests) Each(visit func(index int64, digest Digest) error) error {
	buffer := make([]byte, 4096*digestSize)
	for first := int64(0); first < d.blocks; first += 4096 {
		part := buffer[:min(4096, d.blocks-first)*digestSize]
		if _, err := d.file.ReadAt(part, first*digestSize); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read digests: %w", err)
		}

		for i := int64(0); i*digestSize < int64(len(part)); i++ {
			digest := Digest(part[i*digestSize : (i+1)*digestSize])
			if digest == (Digest{}) {
				continue
			}
			if err := visit(first+i, digest); err != nil {
				return err
			}
		}
	}

	return nil
}

// Sync flushes the digests to the drive.
func (d *Digests) Sync() error { return d.file.Sync() }

// Close closes the file.
func (d *Digests) Close() error { return d.file.Close() }
