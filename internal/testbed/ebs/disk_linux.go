package ebs

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"image-builder/internal/disk"
)

// AddDisk makes a completed snapshot of a raw disk: the blocks that are not holes of its file.
func (e *Service) AddDisk(s Snapshot, from *os.File) (string, error) {
	info, err := from.Stat()
	if err != nil {
		return "", err
	}
	s.Size = max(s.Size, (info.Size()+1<<30-1)>>30)
	digests := map[int64]blockDigest{}

	block := make([]byte, blockSize)

	for extent, err := range disk.Extents(from) {
		if err != nil {
			return "", err
		}

		for index := extent.Offset / blockSize; index*blockSize < extent.Offset+extent.Length; index++ {
			clear(block)
			if _, err := from.ReadAt(block, index*blockSize); err != nil && !errors.Is(err, io.EOF) {
				return "", err
			}
			digest := sha256.Sum256(block)
			digests[index] = digest
			if err := e.keepLocked(digest, block); err != nil {
				return "", err
			}
		}
	}

	id, err := e.AddSnapshot(s, nil)
	e.mu.Lock()
	defer e.mu.Unlock()

	if err == nil {
		e.snapshots[id].blocks = digests
	}

	return id, err
}

func (e *Service) keepLocked(digest blockDigest, block []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.keep(digest, block)
}
