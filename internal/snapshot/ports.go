package snapshot

import "context"

// Writer makes snapshots block by block. Satisfied by aws.EBS.
type Writer interface {
	// Start starts a snapshot. A token used before with the same parameters returns that earlier snapshot.
	Start(ctx context.Context, request Request) (Started, error)
	// Put writes a block of BlockSize bytes, replacing an earlier one.
	Put(ctx context.Context, snapshot string, index int64, block []byte, digest Digest) error
	// Complete ends the writing; sum is the digest of the digests of all written blocks, in order of their indices.
	Complete(ctx context.Context, snapshot string, blocks int64, sum Digest) error
}

// Reader reads completed snapshots. Satisfied by aws.EBS.
type Reader interface {
	// Blocks returns a page of the existing blocks, in order; next is "" on the last one. A page may be empty.
	Blocks(ctx context.Context, snapshot, page string) (Page, error)
	// ChangedBlocks returns a page of the blocks of second that differ from first. The error is ErrUnrelated if the
	// two share no lineage.
	ChangedBlocks(ctx context.Context, first, second, page string) (Page, error)
	// Block reads a block into a buffer of BlockSize bytes and returns the digest that the service states for it. If
	// that equals held, it leaves the buffer alone.
	Block(ctx context.Context, snapshot string, at Location, into []byte, held Digest) (Digest, error)
}

// Catalog reads the state of snapshots. Satisfied by aws.EC2.
type Catalog interface {
	// Snapshot returns a snapshot; ErrNotFound if it does not exist, or is not visible yet.
	Snapshot(ctx context.Context, id string) (Snapshot, error)
	// DeleteSnapshot deletes a snapshot. A snapshot that does not exist is not an error.
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

// Request is what a snapshot is started with.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_StartSnapshot.html
type Request struct {
	VolumeSize  int64  // GiB, not smaller than the parent's
	Parent      string // ID of a snapshot of the same account; "": none
	Description string
	Tags        map[string]string // at most 50
	Token       string            // at most 64 ASCII characters
	Timeout     int               // minutes without a call after which the service fails the snapshot, 10 to 4320
}

// Started is a snapshot that was started.
type Started struct {
	ID        string
	State     string
	BlockSize int64 // bytes
}

// Location identifies a block of a snapshot.
type Location struct {
	Index int64
	Token string // valid for 7 days; "": the block does not exist
}

// Page is a part of a list of blocks.
type Page struct {
	Blocks    []Location
	Next      string // token of the next page, valid for an hour
	BlockSize int64  // bytes
	Volume    int64  // GiB
}
