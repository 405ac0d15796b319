package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"image-builder/internal/disk"
	"image-builder/internal/snapshot"
)

// The disk that is published: one root partition, with files of random bytes.
const (
	fullSize = 4 << 30
	fullData = 1536 << 20
	fileSize = 24 << 20
)

// makeDisk makes a disk of this size, whose root holds files of random bytes that make fullData together, and a system
// that a bake runs in. It returns how many blocks are not zero.
func makeDisk(ctx context.Context, path string, size int64) (blocks int64, err error) {
	files := path + ".files"
	if err := makeFiles(files); err != nil {
		return 0, err
	}
	script, err := write(path+".sh", rootScript, 0o700)
	if err != nil {
		return 0, err
	}

	err = errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, size))
	if err == nil {
		_, err = output(ctx, "sh", script, path, files)
	}
	if err != nil {
		return 0, err
	}

	return nonZero(path)
}

//go:embed job/root.sh
var rootScript string

// nonZero counts the blocks of a disk that hold anything but zeroes.
func nonZero(path string) (count int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()

	blocks, err := dataBlocks(file)
	block := make([]byte, snapshot.BlockSize)
	for _, index := range blocks {
		if _, err := readAt(file, block, index*snapshot.BlockSize); err != nil {
			return 0, err
		}
		if !snapshot.Sum(block).Zero() {
			count++
		}
	}

	return count, err
}

// makeFiles makes the files, named 0, 1, 2….
func makeFiles(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{1})
	content := make([]byte, fileSize)

	for i := range fullData / fileSize {
		_, _ = random.Read(content) // never fails
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), content, 0o644); err != nil {
			return err
		}
	}

	return nil
}

// change writes a page of random bytes to some of a disk's data blocks, picked at random, and returns how many.
func change(path string, part float64) (changed int, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()

	blocks, err := dataBlocks(file)
	if err != nil {
		return 0, err
	}
	picked := pick(blocks, part)
	random := rand.NewChaCha8([32]byte{2})
	page := make([]byte, 4096)

	for _, index := range picked {
		_, _ = random.Read(page)
		if _, err := file.WriteAt(page, index*snapshot.BlockSize+int64(page[0])*4096%snapshot.BlockSize); err != nil {
			return 0, err
		}
	}

	return len(picked), file.Sync()
}

// pick returns a part of the blocks, the same ones each time, in order.
func pick(blocks []int64, part float64) []int64 {
	shuffled := slices.Clone(blocks)
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	picked := shuffled[:int(float64(len(blocks))*part)]
	slices.Sort(picked)
	return picked
}

// dataBlocks lists the blocks of a disk that hold data.
func dataBlocks(file *os.File) ([]int64, error) {
	var blocks []int64
	for extent, err := range disk.Extents(file) {
		if err != nil {
			return nil, fmt.Errorf("list blocks of %s: %w", file.Name(), err)
		}

		for index := extent.Offset / snapshot.BlockSize; index*snapshot.BlockSize < extent.Offset+extent.Length; index++ {
			if len(blocks) == 0 || blocks[len(blocks)-1] != index {
				blocks = append(blocks, index)
			}
		}
	}

	return blocks, nil
}
