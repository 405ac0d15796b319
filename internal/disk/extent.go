package disk

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"golang.org/x/sys/unix"
)

// Extent is a run of bytes of a file.
type Extent struct {
	Offset, Length int64 // bytes
}

// Extents yields the runs of f that are not holes, in order. It moves f's position; f may be read with ReadAt
// meanwhile. A filesystem that keeps no holes yields the whole file.
func Extents(f *os.File) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		at := int64(0)
		for {
			extent, err := nextExtent(f, at)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(extent, err) || err != nil {
				return
			}
			at = extent.Offset + extent.Length
		}
	}
}

// nextExtent finds the first run of data at or after offset at; io.EOF if there is none.
func nextExtent(f *os.File, at int64) (Extent, error) {
	start, err := f.Seek(at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return Extent{}, io.EOF
	}
	if err != nil {
		return Extent{}, fmt.Errorf("find data in %s: %w", f.Name(), err)
	}

	end, err := f.Seek(start, unix.SEEK_HOLE)
	if err != nil {
		return Extent{}, fmt.Errorf("find hole in %s: %w", f.Name(), err)
	}

	return Extent{Offset: start, Length: end - start}, nil
}

// Data returns how many bytes of the file at path are not holes.
func Data(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("measure disk: %w", err)
	}
	defer f.Close()
	return dataOf(f)
}

func dataOf(f *os.File) (int64, error) {
	total := int64(0)
	for extent, err := range Extents(f) {
		if err != nil {
			return 0, err
		}
		total += extent.Length
	}
	return total, nil
}
