// Package ebs is a test server's EBS direct APIs, which write and read the blocks of snapshots. It has no volumes:
// only blocks written to a snapshot can be read from it.
package ebs

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"image-builder/internal/testbed/wire"
)

// Service is the EBS direct APIs, and the snapshots that EC2 describes.
//
// It is as strict as the documentation: it checks sizes, checksums, counts, tokens, parents and states, and throttles
// by quota. Blocks lie in a file, each content once.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-accessing-snapshot.html
type Service struct {
	wire.Home

	mu        sync.Mutex
	serial    int
	snapshots map[string]*Snapshot
	blocks    map[blockDigest]int64 // offsets in file
	file      *os.File
	end       int64 // of the file
	quotas    map[string]*quota
	limits    Limits
	encrypt   bool // encryption by default
	keyUsed   func(action string)
}

const (
	blockSize    = 512 << 10
	mostPending  = 100 // snapshots that may be pending at once
	blocksPerGiB = 1 << 30 / blockSize
	// Key is the account's KMS key for EBS.
	Key      = "arn:aws:kms:eu-central-1:123456789012:key/0123abcd-45ef-67ab-89cd-0123456789ab"
	notFound = "SNAPSHOT_NOT_FOUND"
)

type blockDigest = [sha256.Size]byte

// Limits are the service's quotas and delays.
type Limits struct {
	Puts, Gets float64       // a second and snapshot; 0: 1000, as documented; below 0: no limit
	Lists      float64       // a second; 0: 50
	Late       int           // looks at which a new snapshot is not found
	Completing int           // looks at which a completed snapshot is still pending
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

	lineage string // the ancestor that its lineage starts with; its own ID if it has no parent
	begun   string // the request's members, to recognise a repeated token
	token   string
	blocks  map[int64]blockDigest // all existing blocks, including the parent's
	written map[int64]blockDigest
	late    int // looks at which it is not found yet
	finish  int // looks until it is completed; -1: CompleteSnapshot was not called
}

// New returns the service without a snapshot; file keeps the blocks.
func New(where wire.Home, file *os.File) *Service {
	return &Service{
		Home: where, snapshots: map[string]*Snapshot{}, blocks: map[blockDigest]int64{}, file: file, quotas: map[string]*quota{},
		keyUsed: func(string) {},
	}
}

// OnKeys lets a function hear of each action on a KMS key that the service takes with the caller's rights.
func (e *Service) OnKeys(used func(action string)) { e.keyUsed = used }

// The actions on KMS keys, as far as AWS documents them for EBS.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html#ebs-encryption-permissions
// https://docs.aws.amazon.com/ebs/latest/userguide/ebsapi-permissions.html
var (
	toEncrypt = []string{"CreateGrant", "DescribeKey", "GenerateDataKeyWithoutPlaintext"}
	toDecrypt = []string{"Decrypt"}
	toCopy    = []string{"ReEncryptFrom", "ReEncryptTo"}
)

func (e *Service) useKey(lists ...[]string) {
	for _, action := range slices.Concat(lists...) {
		e.keyUsed(action)
	}
}

// Model names the model.
func (e *Service) Model() string { return "ebs" }

// Operation returns what is served.
func (e *Service) Operation(name string) func(wire.Call) (wire.Values, error) {
	do := map[string]func(wire.Call) (wire.Values, error){
		"StartSnapshot": e.startSnapshot, "PutSnapshotBlock": e.putSnapshotBlock, "CompleteSnapshot": e.completeSnapshot,
		"ListSnapshotBlocks": e.listSnapshotBlocks, "ListChangedBlocks": e.listChangedBlocks, "GetSnapshotBlock": e.getSnapshotBlock,
	}[name]
	if do == nil {
		return nil
	}

	return func(call wire.Call) (wire.Values, error) {
		if err := e.delay(call); err != nil {
			return nil, err
		}
		return do(call)
	}
}

// Limit sets the quotas and delays.
func (e *Service) Limit(limits Limits) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.limits = limits
	clear(e.quotas)
}

// EncryptByDefault switches encryption by default on or off.
func (e *Service) EncryptByDefault(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.encrypt = on
}

// AddSnapshot makes a completed snapshot with these blocks, and returns its ID. Without an owner it belongs to this
// account.
func (e *Service) AddSnapshot(s Snapshot, blocks map[int64][]byte) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.ID == "" {
		s.ID = e.id()
	}

	s.Owner = cmp.Or(s.Owner, e.Number)
	s.State = "completed"
	s.Started = e.Now()
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
func (e *Service) Snapshot(id string) (Snapshot, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	if s == nil {
		return Snapshot{}, false
	}
	return *s, true
}

// Snapshots returns the IDs of all of the account's snapshots, in order of creation.
func (e *Service) Snapshots() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	own := slices.DeleteFunc(slices.Collect(maps.Values(e.snapshots)), func(s *Snapshot) bool { return s.Owner != e.Number })
	slices.SortFunc(own, func(a, b *Snapshot) int { return a.Started.Compare(b.Started) })

	ids := make([]string, len(own))
	for i, s := range own {
		ids[i] = s.ID
	}
	return ids
}

// Blocks returns the indices of the existing blocks.
func (e *Service) Blocks(id string) []int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.blocks))
}

// Block returns a block as a volume made of the snapshot reads it.
func (e *Service) Block(id string, index int64) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	if s == nil {
		return nil, fmt.Errorf("testbed: there is no %s", id)
	}

	digest, there := s.blocks[index]
	if !there {
		return make([]byte, blockSize), nil
	}

	return e.read(digest)
}

// Expire fails a pending snapshot, as the service does after the timeout.
func (e *Service) Expire(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.snapshots[id]; s != nil && s.State == "pending" {
		s.State = "error"
	}
}

// keep stores a block, each content once.
func (e *Service) keep(digest blockDigest, block []byte) error {
	if _, there := e.blocks[digest]; there {
		return nil
	}
	if _, err := e.file.WriteAt(block, e.end); err != nil {
		return err
	}
	e.blocks[digest] = e.end
	e.end += blockSize
	return nil
}

func (e *Service) read(digest blockDigest) ([]byte, error) {
	block := make([]byte, blockSize)
	_, err := e.file.ReadAt(block, e.blocks[digest])
	return block, err
}

func (e *Service) id() string {
	e.serial++
	return wire.HexID("snap", e.serial)
}

// BlockFile returns a file for blocks: it has no name, and goes with the process.
func BlockFile() (*os.File, error) {
	file, err := os.CreateTemp("", "image-builder-blocks-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
