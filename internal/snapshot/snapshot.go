// Package snapshot copies a raw disk into an EBS snapshot and a snapshot into a raw disk, through the EBS direct APIs,
// moving only the blocks that differ.
//
// A disk is cut into blocks of BlockSize. Digests, a file beside a disk, keeps the SHA-256 of each block, so that a later
// disk is compared with an earlier one without reading the earlier one, and so that a download continues where it was
// cut off. Upload sends the blocks whose digest differs from the parent's, and Download gets the blocks that exist.
// Both run many calls at once, slow down where the service throttles, retry what may pass, and continue after a kill.
//
// The zero-block rule: a snapshot with a parent inherits every block that is not written. So a block that became zero
// is written when there is a parent, and no zero block is written when there is none.
//
// The package never talks to AWS itself (the ports do), never waits without a bound, never holds a disk in memory, and
// knows neither images nor recipes. https://docs.aws.amazon.com/ebs/latest/userguide/ebs-accessing-snapshot.html
package snapshot

import (
	"errors"
	"fmt"
)

// BlockSize is the size of a block of a snapshot, in bytes. The service knows no other.
const BlockSize = 512 << 10

// GiB is the unit of a volume's size, in bytes.
const GiB = 1 << 30

// MaxVolume is the largest size of a volume, in GiB.
const MaxVolume = 65536

// Errors by which a port says what kind of refusal a call met; it wraps one of them. Any other error is final.
var (
	// ErrThrottled says that a quota was exceeded: the same call is accepted later, and fewer at a time.
	ErrThrottled = errors.New("throttled")
	// ErrPassing says that the service or the network failed in a way that may pass: the same call is made again.
	ErrPassing = errors.New("passing failure")
	// ErrNotFound says that a snapshot is not there, or not visible yet.
	ErrNotFound = errors.New("snapshot not found")
	// ErrConflict says that a client token was used before with other parameters.
	ErrConflict = errors.New("client token used with other parameters")
	// ErrUnrelated says that two snapshots have no common lineage, so the service cannot compare them.
	ErrUnrelated = errors.New("snapshots are unrelated")
	// ErrInvalid says that the service refused a request as invalid.
	ErrInvalid = errors.New("invalid request")
)

// ChangedError says that a disk was written to after its upload began, so that what was sent is of no use. The snapshot
// was deleted.
type ChangedError struct{ Path string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("upload disk %s: its contents changed since the upload began: run the same command again; it starts from scratch", e.Path)
}

// VolumeSize returns the size of the smallest volume that holds a disk, in GiB.
func VolumeSize(bytes int64) int64 { return (bytes + GiB - 1) / GiB }

// blocksOf returns how many blocks a disk of so many bytes has; the last may be shorter.
func blocksOf(bytes int64) int64 { return (bytes + BlockSize - 1) / BlockSize }
