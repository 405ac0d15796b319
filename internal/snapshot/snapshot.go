// Package snapshot copies a raw disk into an EBS snapshot and a snapshot into a raw disk, through the EBS direct
// APIs, transferring only the blocks that differ.
//
// A disk is cut into blocks of BlockSize. Digests, a file beside a disk, holds the SHA-256 of each block, so that a
// later disk can be compared with an earlier one without reading the earlier one, and so that an interrupted download
// continues. Differences, another file beside a disk, say which blocks of a copy need to be read at all. Upload sends the blocks whose digest differs from the parent's, and Download receives the blocks that
// exist. Both run many calls at once, slow down when the service throttles, retry passing errors, and continue after
// a kill.
//
// The zero-block rule: a snapshot with a parent inherits every block that is not written. So Upload writes a block
// that became zero if there is a parent, and no zero block if there is none.
//
// The package never talks to AWS itself (the ports do), never waits without a bound, never holds a disk in memory,
// and knows neither images nor recipes. https://docs.aws.amazon.com/ebs/latest/userguide/ebs-accessing-snapshot.html
package snapshot

import (
	"errors"
	"fmt"
)

// BlockSize is the size of a snapshot's block, in bytes. The service knows no other.
const BlockSize = 512 << 10

// GiB is the unit of a volume's size, in bytes.
const GiB = 1 << 30

// MaxVolume is the largest size of a volume, in GiB.
const MaxVolume = 65536

// A port's error wraps one of these to say why a call failed. Any other error is final.
var (
	// ErrThrottled says that a quota was exceeded: retrying later, with fewer calls at once, succeeds.
	ErrThrottled = errors.New("throttled")
	// ErrPassing says that the service or the network failed, perhaps only for a moment.
	ErrPassing = errors.New("passing failure")
	// ErrNotFound says that a snapshot does not exist, or is not visible yet.
	ErrNotFound = errors.New("snapshot not found")
	// ErrConflict says that a client token was used before with other parameters.
	ErrConflict = errors.New("client token used with other parameters")
	// ErrUnrelated says that two snapshots share no lineage, so the service cannot compare them.
	ErrUnrelated = errors.New("snapshots are unrelated")
	// ErrInvalid says that the service refused a request as invalid.
	ErrInvalid = errors.New("invalid request")
)

// ChangedError says that a disk was written to after its upload started, so that the sent blocks are useless. The
// snapshot was deleted.
type ChangedError struct{ Path string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("upload disk %s: its contents changed since the upload began: run the same command again; it starts from scratch", e.Path)
}

// VolumeSize returns the size of the smallest volume that holds a disk, in GiB.
func VolumeSize(bytes int64) int64 { return (bytes + GiB - 1) / GiB }

// blocksOf returns how many blocks a disk of this many bytes has; the last may be shorter.
func blocksOf(bytes int64) int64 { return (bytes + BlockSize - 1) / BlockSize }
