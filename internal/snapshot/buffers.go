package snapshot

import (
	"context"
	"fmt"
)

// buffers is a bounded set of buffers of BlockSize bytes: it bounds the memory that a transfer takes.
type buffers struct{ free chan []byte }

// newBuffers returns up to count buffers. Each is allocated on first use.
func newBuffers(count int) *buffers {
	b := &buffers{free: make(chan []byte, count)}
	for range count {
		b.free <- nil
	}
	return b
}

// buffer waits for a free buffer.
func (b *buffers) buffer(ctx context.Context) ([]byte, error) {
	select {
	case buffer := <-b.free:
		if buffer == nil {
			buffer = make([]byte, BlockSize)
		}
		return buffer, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a block to be moved: %w", context.Cause(ctx))
	}
}

// release frees a block's buffer, if it has one.
func (b *buffers) release(buffer []byte) {
	if buffer != nil {
		b.free <- buffer
	}
}

// discard is the sink of a comparison that only counts.
type discard struct{ *buffers }

func (discard) seen(int64, int64) {}

func (d discard) take(_ context.Context, block changed) error {
	d.release(block.bytes)
	return nil
}
