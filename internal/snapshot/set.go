package snapshot

import (
	"iter"
	"math/bits"
	"sync"
)

// Set is a set of block indices, one bit a block. Several goroutines may use it at once.
type Set struct {
	mu    sync.RWMutex
	words []uint64
	count int64
}

// newSet returns an empty set for indices below blocks.
func newSet(blocks int64) *Set { return &Set{words: make([]uint64, (blocks+63)/64)} }

// Add puts an index into the set.
func (s *Set) Add(index int64) {
	s.mu.Lock()
	defer s.mu.Unlock()

	word := &s.words[index/64]
	bit := uint64(1) << (index % 64)
	if *word&bit == 0 {
		*word |= bit
		s.count++
	}
}

// Has reports whether an index is in the set.
func (s *Set) Has(index int64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return index/64 < int64(len(s.words)) && s.words[index/64]&(1<<(index%64)) != 0
}

// Len returns how many indices are in the set.
func (s *Set) Len() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.count
}

// All yields the indices in order. The set must not change meanwhile.
func (s *Set) All() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i, word := range s.words {
			for word != 0 {
				if !yield(int64(i*64 + bits.TrailingZeros64(word))) {
					return
				}
				word &= word - 1
			}
		}
	}
}

// addBytes adds the blocks that a run of bytes touches.
func (s *Set) addBytes(offset, length int64) {
	for index := offset / BlockSize; index*BlockSize < offset+length; index++ {
		s.Add(index)
	}
}

// run is a run of blocks.
type run struct {
	First int64 `json:"first"`
	Count int64 `json:"count"`
}

// runs yields the set's indices as runs, in order. The set must not change meanwhile.
func (s *Set) runs() iter.Seq[run] {
	return func(yield func(run) bool) {
		var current run
		for index := range s.All() {
			if current.Count > 0 && index == current.First+current.Count {
				current.Count++
				continue
			}
			if current.Count > 0 && !yield(current) {
				return
			}
			current = run{First: index, Count: 1}
		}

		if current.Count > 0 {
			yield(current)
		}
	}
}
