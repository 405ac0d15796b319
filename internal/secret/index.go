package secret

import "encoding/binary"

const (
	wordSize    = 8                        // bytes; the search looks at one place in this many
	gramSize    = MinLength - wordSize + 1 // bytes; the longest piece that every occurrence has at such a place
	gramBits    = 8 * gramSize
	bitsPerGram = 32 // of the bitmap: on random bytes, one place in this many is a false alarm
)

// index finds the places where a pattern may occur. It chooses one window of MinLength bytes from every pattern;
// wherever the window lies, exactly one multiple of wordSize is among its first wordSize bytes, and the gramSize
// bytes from there on are still inside. So it knows wordSize grams for each pattern, and looks up one gram for each
// word of data.
type index struct {
	bits  []uint64         // a bit for each hash of a known gram; length is a power of two
	shift uint             // 64 - log2(bits)
	first map[uint64]int32 // gram → its first entry
	chain []entry
}

// entry says that a gram starts `at` bytes into a pattern; next is the next entry of the same gram, -1 if there is
// none.
type entry struct {
	pattern, at, next int32
}

func newIndex(patterns []pattern) *index {
	size := 1 << 16
	for size < len(patterns)*wordSize*bitsPerGram {
		size *= 2
	}

	x := &index{bits: make([]uint64, size/64), first: make(map[uint64]int32, len(patterns)*wordSize)}
	for x.shift = 64; size > 1; size /= 2 {
		x.shift--
	}

	for i, p := range patterns {
		start := window(p.text)
		for at := start; at < start+wordSize; at++ {
			x.add(gram(p.text[at:]), int32(i), int32(at))
		}
	}

	return x
}

func (x *index) add(gram uint64, pattern, at int32) {
	hash := x.hash(gram)
	x.bits[hash/64] |= 1 << (hash % 64)
	next, ok := x.first[gram]
	if !ok {
		next = -1
	}
	x.first[gram] = int32(len(x.chain))
	x.chain = append(x.chain, entry{pattern, at, next})
}

// hash spreads a gram over the bitmap (Fibonacci hashing).
func (x *index) hash(gram uint64) uint64 { return gram * 0x9E3779B97F4A7C15 >> x.shift }

// gram is the first gramSize bytes of text, in the high bits.
func gram(text string) uint64 {
	var b [8]byte
	copy(b[:gramSize], text)
	return binary.LittleEndian.Uint64(b[:]) << (64 - gramBits)
}

// scan calls found for every place i, a multiple of wordSize, where a gram of a pattern occurs. The length of data
// must be a multiple of wordSize.
func (x *index) scan(data []byte, found func(i int, e entry)) {
	bits, shift := x.bits, x.shift&63
	for i := 0; i+wordSize <= len(data); i += wordSize {
		gram := binary.LittleEndian.Uint64(data[i:]) << (64 - gramBits)
		hash := gram * 0x9E3779B97F4A7C15 >> shift
		if bits[hash/64]&(1<<(hash%64)) != 0 {
			x.lookUp(gram, i, found)
		}
	}
}

func (x *index) lookUp(gram uint64, i int, found func(i int, e entry)) {
	at, ok := x.first[gram]
	for ok && at >= 0 {
		found(i, x.chain[at])
		at = x.chain[at].next
	}
}

// window returns the start of the MinLength bytes of text that are least likely to occur by chance: those with the
// most different bytes. Lower case letters and zeros count half, because disks are full of words and zeros.
func window(text string) int {
	best := 0
	bestScore := -1
	for start := 0; start+MinLength <= len(text) && start < 1024; start++ {
		if score := rarity(text[start : start+MinLength]); score > bestScore {
			best = start
			bestScore = score
		}
	}
	return best
}

func rarity(text string) int {
	score := 0
	var seen [256]bool
	for i := range len(text) {
		c := text[i]
		if seen[c] {
			continue
		}
		seen[c] = true
		score += 2
		if ('a' <= c && c <= 'z') || c == 0 || c == ' ' {
			score--
		}
	}

	return score
}
