package secret

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

const (
	chunk   = 256 << 10 // bytes read at a time: few enough to stay in the L2 cache until they are searched
	maxHits = 100_000   // the search ends there: a disk with more hits is not worth listing
)

// diskScan is one pass over one disk.
type diskScan struct {
	search *Search
	disk   *os.File
	known  []span // not to be read
	bytes  int64

	mu   sync.Mutex
	hits []Hit
	more bool // the search ended at maxHits
}

// span is a piece of the disk, in bytes; start is a multiple of wordSize.
type span struct{ start, end int64 }

func (s *diskScan) run(ctx context.Context) error {
	if len(s.search.patterns) == 0 {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	spans := make(chan span)
	group.Go(func() error {
		defer close(spans)
		return s.divide(ctx, spans)
	})

	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			buffer := make([]byte, chunk)
			for piece := range spans {
				if err := s.look(piece, buffer); err != nil {
					return err
				}
			}
			return nil
		})
	}

	if err := group.Wait(); !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

// errEnough ends a search that has found maxHits places.
var errEnough = errors.New("enough places were found")

// divide sends the data of the disk in pieces of at most chunk bytes. Each extent is widened by MinLength bytes or a
// little more, so that a pattern that begins or ends with zero bytes is found where it reaches into a hole.
func (s *diskScan) divide(ctx context.Context, spans chan<- span) error {
	info, err := s.disk.Stat()
	if err != nil {
		return err
	}
	const margin = 2 * wordSize

	reached, known := int64(0), s.known
	for extent, err := range dataExtents(s.disk) {
		if err != nil {
			return err
		}
		start := max(reached, (extent.start-margin)&^(wordSize-1))
		reached = (extent.end + margin + wordSize - 1) &^ (wordSize - 1)

		for len(known) > 0 && known[0].end <= start {
			known = known[1:]
		}

		for _, part := range without(span{start, min(reached, info.Size())}, known) {
			s.bytes += max(0, min(part.end, extent.end)-max(part.start, extent.start))
			for ; part.start < part.end; part.start += chunk {
				select {
				case spans <- span{part.start, min(part.start+chunk, part.end)}:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
		}
	}

	return nil
}

// without returns the rest of a span: skipped is in order, and its spans begin at multiples of wordSize.
func without(whole span, skipped []span) []span {
	var left []span
	for _, skip := range skipped {
		if skip.start >= whole.end {
			break
		}
		if skip.start > whole.start {
			left = append(left, span{whole.start, skip.start})
		}
		whole.start = min(whole.end, skip.end&^(wordSize-1))
	}

	if whole.start < whole.end {
		left = append(left, whole)
	}

	return left
}

// look searches one piece. Every occurrence on the disk belongs to the one piece that contains the place of its gram,
// so no occurrence is seen twice; parts of it outside the piece are read on demand.
func (s *diskScan) look(piece span, buffer []byte) error {
	data := buffer[:piece.end-piece.start]
	if _, err := s.disk.ReadAt(data, piece.start); err != nil {
		return err
	}
	var failed error
	s.search.index.scan(pad(data), func(i int, e entry) {
		start := i - int(e.at)
		same, err := s.same(data, piece.start, start, s.search.patterns[e.pattern].text)
		if same {
			err = s.hit(e.pattern, piece.start+int64(start))
		}
		if failed == nil {
			failed = err
		}
	})

	return failed
}

// pad lengthens data with zeros to a multiple of wordSize.
func pad(data []byte) []byte {
	for len(data)%wordSize != 0 {
		data = append(data, 0)
	}
	return data
}

// same reports whether text is at data[start:], where data is the disk from base on and start may lie before it.
func (s *diskScan) same(data []byte, base int64, start int, text string) (bool, error) {
	end := start + len(text)
	if start >= 0 && end <= len(data) {
		return string(data[start:end]) == text, nil
	}
	low := max(start, 0)

	high := min(end, len(data))
	if string(data[low:high]) != text[low-start:high-start] || base+int64(start) < 0 {
		return false, nil
	}
	whole := make([]byte, len(text))
	if _, err := s.disk.ReadAt(whole, base+int64(start)); err != nil {
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, err
	}

	return string(whole) == text, nil
}

func (s *diskScan) hit(pattern int32, offset int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.hits) == maxHits {
		s.more = true
		return errEnough
	}
	p := s.search.patterns[pattern]
	s.hits = append(s.hits, Hit{Secret: p.secret, Form: p.form, Offset: offset, Length: len(p.text), pattern: pattern})
	return nil
}
