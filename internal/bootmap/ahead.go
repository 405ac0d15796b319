package bootmap

import (
	"slices"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/disk"
)

// Ahead lists what a boot reads and could have been read ahead by a unit of its system: of each block of 512 KiB, once, the
// bytes from the first to the last that are read, in the order in which the blocks are touched first. Blocks that the
// firmware, the boot loader or the kernel touched before the system's units began are left out, as far as the console shows
// when that was: no unit could be ahead of them, and touched they are loaded.
func (b Boot) Ahead() []disk.Extent {
	units := b.unitsBegin()
	spans := map[int64]*disk.Extent{} // by block; nil: left out
	var order []int64
	for _, read := range b.Reads {
		if read.At > b.end() {
			break
		}
		for block := read.Offset / blockserver.BlockSize; block*blockserver.BlockSize < read.Offset+read.Length; block++ {
			span, known := spans[block]
			switch {
			case !known && read.At < units:
				spans[block] = nil
			case !known:
				spans[block] = part(read, block)
				order = append(order, block)
			case span != nil:
				widen(span, part(read, block))
			}
		}
	}

	var list []disk.Extent
	for _, block := range order {
		list = append(list, *spans[block])
	}
	return list
}

// unitsBegin is when the system's own units began; if the console does not show it, when the kernel did, else 0.
func (b Boot) unitsBegin() time.Duration {
	found := phases(b.Console, b.Login, b.Job)
	for _, name := range []string{unitsPhase, "initramfs", "kernel"} {
		if at := slices.IndexFunc(found, func(s Span) bool { return s.Name == name }); at >= 0 {
			return time.Duration(found[at].Start * float64(time.Second))
		}
	}
	return 0
}

// part is what a read takes of a block, in whole pages.
func part(read blockserver.Read, block int64) *disk.Extent {
	start := max(read.Offset/page*page, block*blockserver.BlockSize)
	end := min((read.Offset+read.Length+page-1)/page*page, (block+1)*blockserver.BlockSize)
	return &disk.Extent{Offset: start, Length: end - start}
}

func widen(span, by *disk.Extent) {
	end := max(span.Offset+span.Length, by.Offset+by.Length)
	span.Offset = min(span.Offset, by.Offset)
	span.Length = end - span.Offset
}
