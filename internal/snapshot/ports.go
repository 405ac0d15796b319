package snapshot

import "context"

// Writer makes snapshots block by block. Satisfied by aws.EBS.
type Writer interface {
	// Start begins a snapshot. A token used before with the same parameters returns the snapshot begun then.
	Start(ctx context.Context, request Request) (Started, error)
	// Put writes a block of BlockSize bytes. Writing it again replaces it.
	Put(ctx context.Context, snapshot string, index int64, block []byte, digest Digest) error
	// Complete ends the writing; sum is the digest of the digests of all written blocks, in order of their indices.
	Complete(ctx context.Context, snapshot string, blocks int64, sum Digest) error
}

// Reader reads snapshots that are completed. Satisfied by aws.EBS.
type Reader interface {
	// Blocks returns a page of the blocks that exist, in order; next is "" on the last one. A page may be empty.
	Blocks(ctx context.Context, snapshot, page string) (Page, error)
	// ChangedBlocks returns a page of the blocks of second that differ from first. Without common lineage the error is
	// ErrUnrelated.
	ChangedBlocks(ctx context.Context, first, second, page string) (Page, error)
	// Block reads a block into a buffer of BlockSize bytes and returns the digest that the service states for it. If
	// that is held already, the buffer is left alone.
	Block(ctx context.Context, snapshot string, at Location, into []byte, held Digest) (Digest, error)
}

// Catalog knows the state of snapshots. Satisfied by aws.EC2.
type Catalog interface {
	// Snapshot returns a snapshot; ErrNotFound if it is not there, or not visible yet.
	Snapshot(ctx context.Context, id string) (Snapshot, error)
	// DeleteSnapshot deletes a snapshot. One that is not there is not an error.
	DeleteSnapshot(ctx context.Context, id string) error
}

// The states of a snapshot.
const (
	Pending   = "pending"
	Completed = "completed"
	Failed    = "error"
)

// Snapshot is a snapshot as EC2 describes it.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Snapshot.html
type Snapshot struct {
	ID         string
	Owner      string // an account's number
	State      string // pending, completed, error, recoverable or recovering
	Message    string // why, if it is error
	VolumeSize int64  // GiB
	Encrypted  bool
	Tags       map[string]string
}

// Request is what a snapshot is begun with.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_StartSnapshot.html
type Request struct {
	VolumeSize  int64  // GiB, not smaller than the parent's
	Parent      string // ID of a snapshot of the same account; "": none
	Description string
	Tags        map[string]string // at most 50
	Token       string            // at most 64 ASCII characters
	Timeout     int               // minutes without a call after which the service gives the snapshot up, 10 to 4320
}

// Started is a snapshot that was begun.
type Started struct {
	ID        string
	State     string
	BlockSize int64 // bytes
}

// Location says where a block of a snapshot is.
type Location struct {
	Index int64
	Token string // valid for 7 days; "": the block does not exist (any more)
}

// Page is a part of a list of blocks.
type Page struct {
	Blocks    []Location
	Next      string // token of the next page, valid for an hour
	BlockSize int64  // bytes
	Volume    int64  // GiB
}
