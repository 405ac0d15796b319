package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"image-builder/internal/snapshot"
)

// The floors that publish is compared to, as first arguments of this program.
const (
	sendRole    = "send-blocks"
	uploadRole  = "upload-disk"
	hashRole    = "hash-disk"
	compareRole = "compare-disks"
)

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
