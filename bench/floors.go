package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"image-builder/internal/aws"
	"image-builder/internal/snapshot"
)

// The floors that publish is compared to, as first arguments of this program.
const (
	sendRole    = "send-blocks"
	hashRole    = "hash-disk"
	compareRole = "compare-disks"
)

// senders is how many blocks the floor sends at once: as many as publish may.
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
	writer := &aws.EBS{Session: &aws.Session{}}
	start := time.Now()

	request := snapshot.Request{VolumeSize: snapshot.VolumeSize(size), Token: "floor" + strconv.FormatInt(start.UnixNano(), 36), Timeout: 60}
	started, err := writer.Start(ctx, request)
	if err != nil {
		return err
	}
	group, sending := errgroup.WithContext(ctx)
	group.SetLimit(senders)

	for _, block := range blocks {
		group.Go(func() error { return writer.Put(sending, started.ID, block.index, block.bytes, block.digest) })
	}

	if err := group.Wait(); err != nil {
		return err
	}
	all := sha256.New()
	for _, block := range blocks {
		all.Write(block.digest[:])
	}
	if err := writer.Complete(ctx, started.ID, int64(len(blocks)), snapshot.Digest(all.Sum(nil))); err != nil {
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

// each does something with the numbers below count, on all cores. Each core has a buffer for two blocks.
func each(count int, do func(i int, buffer []byte) error) error {
	var next atomic.Int64
	var group errgroup.Group
	for range runtime.NumCPU() {
		group.Go(func() error {
			buffer := make([]byte, 2*snapshot.BlockSize)
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return nil
				}
				if err := do(i, buffer); err != nil {
					return err
				}
			}
		})
	}

	return group.Wait()
}

// hashDisk hashes each block of data of a disk, on all cores.
func hashDisk(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()

	indices, err := dataBlocks(file)
	if err != nil {
		return err
	}
	var mixed atomic.Uint64 // so that the work cannot be left out
	err = each(len(indices), func(i int, buffer []byte) error {
		block := buffer[:snapshot.BlockSize]
		_, err := file.ReadAt(block, indices[i]*snapshot.BlockSize)
		sum := sha256.Sum256(block)
		mixed.Add(uint64(sum[0]))
		return err
	})

	fmt.Println(len(indices), "blocks,", mixed.Load())
	return err
}

// compareDisks compares each block of data of a disk with the same block of another, on all cores.
func compareDisks(path, otherPath string) error {
	file, fileErr := os.Open(path)
	other, otherErr := os.Open(otherPath)
	if err := errors.Join(fileErr, otherErr); err != nil {
		return err
	}
	defer file.Close()
	defer other.Close()

	indices, err := dataBlocks(file)
	if err != nil {
		return err
	}
	var differ atomic.Int64
	err = each(len(indices), func(i int, buffer []byte) error {
		ours := buffer[:snapshot.BlockSize]
		theirs := buffer[snapshot.BlockSize:]
		_, ourErr := file.ReadAt(ours, indices[i]*snapshot.BlockSize)
		_, theirErr := other.ReadAt(theirs, indices[i]*snapshot.BlockSize)
		if !bytes.Equal(ours, theirs) {
			differ.Add(1)
		}
		return errors.Join(ourErr, theirErr)
	})

	fmt.Println(differ.Load(), "blocks differ")
	return err
}
