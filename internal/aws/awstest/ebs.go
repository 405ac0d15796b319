package awstest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// EBS is the EBS direct APIs, and the snapshots that EC2 describes.
//
// It is as strict as the documentation: sizes, checksums, counts, tokens, parents and states are checked, and the quotas
// throttle. Blocks lie in a file, each content once.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-accessing-snapshot.html
type EBS struct {
	account

	mu        sync.Mutex
	serial    int
	snapshots map[string]*Snapshot
	blocks    map[blockDigest]int64 // offsets in file
	file      *os.File
	end       int64 // of the file
	quotas    map[string]*quota
	limits    EBSLimits
	encrypt   bool // encryption by default
}

const (
	ebsBlock    = 512 << 10
	ebsPending  = 100 // snapshots that may be pending at once
	ebsPerGiB   = 1 << 30 / ebsBlock
	ebsKey      = "arn:aws:kms:eu-central-1:123456789012:key/0123abcd-45ef-67ab-89cd-0123456789ab"
	ebsNotFound = "SNAPSHOT_NOT_FOUND"
)

type blockDigest = [sha256.Size]byte

// EBSLimits are what the service allows, and how slow it is.
type EBSLimits struct {
	Puts, Gets float64       // a second and snapshot; 0: 1000, as documented; below 0: no limit
	Lists      float64       // a second; 0: 50
	Late       int           // how often a new snapshot is not found before it is
	Completing int           // how often a completed snapshot is still described as pending
	Latency    time.Duration // of each call, for benchmarks
}

// Snapshot is a snapshot of a volume.
type Snapshot struct {
	ID, Owner, Description, Parent, Key string
	Size                                int64  // GiB
	State                               string // pending, completed or error
	Encrypted, Public                   bool
	Tags                                map[string]string
	Started                             time.Time

	lineage string // the snapshot that it descends from; its own ID if it has no parent
	begun   string // the request's members, by which a token is known again
	token   string
	blocks  map[int64]blockDigest // all that exist, the parent's included
	written map[int64]blockDigest
	late    int // looks at which it is not found yet
	finish  int // looks until it is completed; -1: CompleteSnapshot was not called
}

func newEBS(where account, file *os.File) *EBS {
	return &EBS{
		account: where, snapshots: map[string]*Snapshot{}, blocks: map[blockDigest]int64{}, file: file, quotas: map[string]*quota{},
	}
}

// Model names the model.
func (e *EBS) Model() string { return "ebs" }

// Operation returns what is served.
func (e *EBS) Operation(name string) func(Call) (Values, error) {
	do := map[string]func(Call) (Values, error){
		"StartSnapshot": e.startSnapshot, "PutSnapshotBlock": e.putSnapshotBlock, "CompleteSnapshot": e.completeSnapshot,
		"ListSnapshotBlocks": e.listSnapshotBlocks, "ListChangedBlocks": e.listChangedBlocks, "GetSnapshotBlock": e.getSnapshotBlock,
	}[name]
	if do == nil {
		return nil
	}
	return func(call Call) (Values, error) {
		if err := e.delay(call); err != nil {
			return nil, err
		}
		return do(call)
	}
}

// Limit sets what the service allows.
func (e *EBS) Limit(limits EBSLimits) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.limits = limits
	clear(e.quotas)
}

// EncryptByDefault switches encryption by default on or off.
func (e *EBS) EncryptByDefault(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.encrypt = on
}

// AddSnapshot makes a completed snapshot that has these blocks, and returns its ID. Without an owner it is the
// account's own.
func (e *EBS) AddSnapshot(s Snapshot, blocks map[int64][]byte) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.ID == "" {
		s.ID = e.id()
	}
	s.Owner = orElse(s.Owner, e.number)
	s.State = "completed"
	s.Started = e.now()
	s.lineage = s.ID
	s.blocks = map[int64]blockDigest{}
	if parent := e.snapshots[s.Parent]; parent != nil {
		s.lineage = parent.lineage
		s.blocks = maps.Clone(parent.blocks)
	}

	for index, block := range blocks {
		digest := sha256.Sum256(block)
		if err := e.keep(digest, block); err != nil {
			return "", err
		}
		s.blocks[index] = digest
	}
	e.snapshots[s.ID] = &s
	return s.ID, nil
}

// Snapshot returns a snapshot.
func (e *EBS) Snapshot(id string) (Snapshot, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	if s == nil {
		return Snapshot{}, false
	}
	return *s, true
}

// Snapshots returns the IDs of all snapshots of the account, in order of their making.
func (e *EBS) Snapshots() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	own := slices.DeleteFunc(slices.Collect(maps.Values(e.snapshots)), func(s *Snapshot) bool { return s.Owner != e.number })
	slices.SortFunc(own, func(a, b *Snapshot) int { return a.Started.Compare(b.Started) })

	ids := make([]string, len(own))
	for i, s := range own {
		ids[i] = s.ID
	}
	return ids
}

// Blocks returns the indices of the blocks that exist.
func (e *EBS) Blocks(id string) []int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.blocks))
}

// Block returns a block as a volume made of the snapshot reads it.
func (e *EBS) Block(id string, index int64) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	if s == nil {
		return nil, fmt.Errorf("awstest: there is no %s", id)
	}
	digest, there := s.blocks[index]
	if !there {
		return make([]byte, ebsBlock), nil
	}
	return e.read(digest)
}

// Expire makes the service give a pending snapshot up, as it does after the timeout.
func (e *EBS) Expire(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.snapshots[id]; s != nil && s.State == "pending" {
		s.State = "error"
	}
}

// keep stores a block, each content once.
func (e *EBS) keep(digest blockDigest, block []byte) error {
	if _, there := e.blocks[digest]; there {
		return nil
	}
	if _, err := e.file.WriteAt(block, e.end); err != nil {
		return err
	}
	e.blocks[digest] = e.end
	e.end += ebsBlock
	return nil
}

func (e *EBS) read(digest blockDigest) ([]byte, error) {
	block := make([]byte, ebsBlock)
	_, err := e.file.ReadAt(block, e.blocks[digest])
	return block, err
}

func (e *EBS) id() string {
	e.serial++
	return hexID("snap", e.serial)
}

// blockFile is where blocks lie: a file without a name, which goes with the process.
func blockFile(tb testing.TB) *os.File {
	tb.Helper()
	file, err := os.CreateTemp("", "image-builder-blocks-")
	if err == nil {
		err = os.Remove(file.Name())
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = file.Close() })
	return file
}
