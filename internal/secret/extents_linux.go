package secret

import (
	"errors"
	"iter"
	"os"

	"golang.org/x/sys/unix"
)

// dataExtents yields the parts of a file that are not holes, in order (lseek(2), SEEK_DATA and SEEK_HOLE). A filesystem
// that knows no holes yields the whole file.
func dataExtents(f *os.File) iter.Seq2[span, error] {
	return func(yield func(span, error) bool) {
		end := int64(0)

		for {
			start, err := f.Seek(end, unix.SEEK_DATA)
			if errors.Is(err, unix.ENXIO) {
				return
			}
			if err == nil {
				end, err = f.Seek(start, unix.SEEK_HOLE)
			}
			if !yield(span{start, end}, err) || err != nil {
				return
			}
		}
	}
}
