package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"image-builder/internal/aws"
	"image-builder/internal/snapshot"
)

// senders is how many blocks a floor sends at once: as many as publish may.
const senders = 128

// ready is a block in memory, with its digest.
type ready struct {
	index  int64
	bytes  []byte
	digest snapshot.Digest
}

// sendBlocks makes a snapshot of a disk whose blocks are in memory, hashed, before the first is sent. It prints how
// many seconds it took from then on.
func sendBlocks(ctx context.Context, path string) error {
	blocks, size, err := load(path)
	if err != nil {
		return err
	}
	return sendAll(ctx, size, len(blocks), func(i int) (ready, error) { return blocks[i], nil })
}

// uploadDisk is sendBlocks that reads and hashes each block just before it sends it. That is the least that any program
// must do; the time that it prints includes it.
func uploadDisk(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return err
	}
	indices, err := dataBlocks(file)
	if err != nil {
		return err
	}

	return sendAll(ctx, info.Size(), len(indices), func(i int) (ready, error) {
		block := make([]byte, snapshot.BlockSize)
		_, err := file.ReadAt(block, indices[i]*snapshot.BlockSize)
		return ready{indices[i], block, sha256.Sum256(block)}, err
	})
}

// sendAll makes a snapshot of a disk's blocks, many at once, and prints how many seconds that took.
func sendAll(ctx context.Context, size int64, count int, block func(i int) (ready, error)) error {
	writer := &aws.EBS{Session: &aws.Session{}}
	start := time.Now()
	request := snapshot.Request{VolumeSize: snapshot.VolumeSize(size), Token: "floor" + strconv.FormatInt(start.UnixNano(), 36), Timeout: 60}
	started, err := writer.Start(ctx, request)
	if err != nil {
		return err
	}

	group, sending := errgroup.WithContext(ctx)
	group.SetLimit(senders)
	digests := make([]snapshot.Digest, count)
	for i := range count {
		group.Go(func() error {
			b, err := block(i)
			if err != nil {
				return err
			}
			digests[i] = b.digest
			return writer.Put(sending, started.ID, b.index, b.bytes, b.digest)
		})
	}

	if err := group.Wait(); err != nil {
		return err
	}
	all := sha256.New()
	for _, digest := range digests {
		all.Write(digest[:])
	}
	if err := writer.Complete(ctx, started.ID, int64(count), snapshot.Digest(all.Sum(nil))); err != nil {
		return err
	}

	fmt.Println(time.Since(start).Seconds())
	return nil
}

// load reads and hashes the data of a disk.
func load(path string) (blocks []ready, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()

	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	indices, err := dataBlocks(file)
	if err != nil {
		return nil, 0, err
	}

	blocks = make([]ready, len(indices))
	return blocks, info.Size(), each(len(indices), func(i int, _ []byte) error {
		block := make([]byte, snapshot.BlockSize)
		_, err := file.ReadAt(block, indices[i]*snapshot.BlockSize)
		blocks[i] = ready{indices[i], block, sha256.Sum256(block)}
		return err
	})
}
