package snapshot

import (
	"bytes"
	"crypto/sha256"
)

// Digest is the SHA-256 of a block, padded with zeroes to BlockSize. The zero Digest stands for a block that was
// never written, which reads as zeroes.
type Digest [sha256.Size]byte

// ZeroBlock is the digest of a block of zeroes.
var ZeroBlock = Digest{
	0x07, 0x85, 0x4d, 0x2f, 0xef, 0x29, 0x7a, 0x06, 0xba, 0x81, 0x68, 0x5e, 0x66, 0x0c, 0x33, 0x2d,
	0xe3, 0x6d, 0x5d, 0x18, 0xd5, 0x46, 0x92, 0x7d, 0x30, 0xda, 0xad, 0x6d, 0x7f, 0xda, 0x15, 0x41,
}

// zeroes is the content of a hole. Nothing writes to it.
var zeroes = make([]byte, BlockSize)

// Sum returns the digest of a block of BlockSize bytes.
func Sum(block []byte) Digest {
	if bytes.Equal(block, zeroes) {
		return ZeroBlock
	}
	return sha256.Sum256(block)
}

// Zero reports whether the block reads as zeroes, whether or not it was ever written.
func (d Digest) Zero() bool { return d == Digest{} || d == ZeroBlock }

// Same reports whether two blocks have the same content.
func (d Digest) Same(other Digest) bool { return d == other || (d.Zero() && other.Zero()) }

// stated is the digest that is sent with a block.
func (d Digest) stated() Digest {
	if d.Zero() {
		return ZeroBlock
	}
	return d
}
