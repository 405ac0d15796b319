package ebs

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"image-builder/internal/testbed/wire"
)

func ebsInvalid(reason, message string, args ...any) error {
	return wire.Reasoned{Fault: wire.Fault{Code: "ValidationException", Message: fmt.Sprintf(message, args...)}, Reason: reason}
}

func ebsMissing(id string) error {
	return wire.Reasoned{Fault: wire.Fault{Code: "ResourceNotFoundException", Message: fmt.Sprintf("The snapshot '%s' does not exist.", id)}, Reason: notFound}
}

// https://docs.aws.amazon.com/ebs/latest/APIReference/API_StartSnapshot.html
func (e *Service) startSnapshot(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	token := wire.Text(call.In, "ClientToken")
	begun := fmt.Sprint(call.In) // maps are printed in order
	if len(token) > 64 {
		return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "Client token is longer than 64 characters")
	}

	for _, s := range e.snapshots {
		switch {
		case token == "" || s.token != token:
		case s.begun != begun:
			return nil, wire.Fault{Code: "ConflictException", Message: "The request uses the same client token as a previous, but non-identical request."}
		default:
			return e.encodeStarted(s), nil
		}
	}

	s := &Snapshot{
		ID: e.id(), Owner: e.Number, State: "pending", Size: wire.Number(call.In, "VolumeSize", 0), Description: wire.Text(call.In, "Description"),
		Parent: wire.Text(call.In, "ParentSnapshotId"), Encrypted: wire.Truth(call.In, "Encrypted") || e.encrypt, Tags: map[string]string{},
		Started: e.Now(), begun: begun, token: token, blocks: map[int64]blockDigest{}, written: map[int64]blockDigest{}, late: e.limits.Late, finish: -1,
	}
	for _, tag := range wire.List[wire.Values](call.In, "Tags") {
		s.Tags[wire.Text(tag, "Key")] = wire.Text(tag, "Value")
	}

	s.lineage = s.ID
	if err := e.inherit(s, call.In); err != nil {
		return nil, err
	}

	if s.Encrypted {
		s.Key = cmp.Or(s.Key, cmp.Or(wire.Text(call.In, "KmsKeyArn"), Key))
		e.useKey(toEncrypt)
	}

	pending := 0
	for _, other := range e.snapshots {
		if other.State == "pending" && other.finish < 0 {
			pending++
		}
	}

	if pending >= mostPending {
		return nil, wire.Reasoned{Fault: wire.Fault{Code: "ServiceQuotaExceededException", Message: "The maximum number of pending snapshots was reached."}, Reason: "DEPENDENCY_SERVICE_QUOTA_EXCEEDED"}
	}
	e.snapshots[s.ID] = s
	return e.encodeStarted(s), nil
}

// inherit gives a snapshot its parent's properties, and refuses contradictions between the two.
func (e *Service) inherit(s *Snapshot, in wire.Values) error {
	_, encrypted := in["Encrypted"]
	key := wire.Text(in, "KmsKeyArn")

	if s.Parent == "" {
		if key != "" && !wire.Truth(in, "Encrypted") && !e.encrypt {
			return ebsInvalid("INVALID_PARAMETER_VALUE", "KmsKeyArn needs Encrypted")
		}
		return nil
	}

	parent := e.snapshots[s.Parent]
	switch {
	case parent == nil || parent.Owner != e.Number:
		return ebsMissing(s.Parent)
	case parent.State != "completed":
		return ebsInvalid("INVALID_SNAPSHOT_ID", "The parent %s is %s", parent.ID, parent.State)
	case encrypted || key != "":
		return ebsInvalid("INVALID_PARAMETER_VALUE", "Encrypted and KmsKeyArn may not be specified together with ParentSnapshotId")
	case e.encrypt && !parent.Encrypted:
		return ebsInvalid("INVALID_PARAMETER_VALUE", "Encryption by default is enabled, and the parent %s is not encrypted", parent.ID)
	case s.Size < parent.Size:
		return ebsInvalid("INVALID_VOLUME_SIZE", "The volume size %d is smaller than the parent's, %d", s.Size, parent.Size)
	}

	s.lineage = parent.lineage
	s.Encrypted = parent.Encrypted
	s.Key = parent.Key
	s.blocks = maps.Clone(parent.blocks)
	return nil
}

func (e *Service) encodeStarted(s *Snapshot) wire.Values {
	out := wire.Values{
		"SnapshotId": s.ID, "OwnerId": s.Owner, "Status": s.State, "StartTime": s.Started.UTC(), "VolumeSize": s.Size, "BlockSize": blockSize,
	}
	for name, text := range map[string]string{"Description": s.Description, "ParentSnapshotId": s.Parent, "KmsKeyArn": s.Key} {
		if text != "" {
			out[name] = text
		}
	}

	if len(s.Tags) > 0 {
		out["Tags"] = wire.Tags(s.Tags)
	}

	return out
}

// pending finds a snapshot that may be written to.
func (e *Service) pending(call wire.Call) (*Snapshot, error) {
	id := wire.Text(call.In, "SnapshotId")
	s := e.snapshots[id]
	if s == nil || s.Owner != e.Number {
		return nil, ebsMissing(id)
	}
	if s.late > 0 {
		s.late--
		return nil, ebsMissing(id)
	}

	if s.State != "pending" || s.finish >= 0 {
		return nil, ebsInvalid("INVALID_SNAPSHOT_ID", "The snapshot %s is not pending", id)
	}
	return s, nil
}

// https://docs.aws.amazon.com/ebs/latest/APIReference/API_PutSnapshotBlock.html
func (e *Service) putSnapshotBlock(call wire.Call) (wire.Values, error) {
	block, _ := call.In["BlockData"].([]byte)
	digest := sha256.Sum256(block) // without the lock: this takes the most time
	stated := wire.Text(call.In, "Checksum")

	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := e.pending(call)
	if err != nil {
		return nil, err
	}

	index := wire.Number(call.In, "BlockIndex", -1)
	switch {
	case index < 0 || index >= s.Size*blocksPerGiB:
		return nil, ebsInvalid("INVALID_BLOCK", "Block %d is not in a volume of %d GiB", index, s.Size)
	case wire.Number(call.In, "DataLength", 0) != blockSize || len(block) != blockSize:
		return nil, ebsInvalid("INVALID_BLOCK", "A block has %d bytes, not %d", blockSize, len(block))
	case stated != base64.StdEncoding.EncodeToString(digest[:]):
		return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "The checksum %s is not that of the data", stated)
	}

	if err := e.keep(digest, block); err != nil {
		return nil, err
	}
	s.blocks[index] = digest
	s.written[index] = digest

	return wire.Values{"Checksum": stated, "ChecksumAlgorithm": "SHA256"}, nil
}

// https://docs.aws.amazon.com/ebs/latest/APIReference/API_CompleteSnapshot.html
func (e *Service) completeSnapshot(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := e.pending(call)
	if err != nil {
		return nil, err
	}
	if count := wire.Number(call.In, "ChangedBlocksCount", -1); count != int64(len(s.written)) {
		return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "ChangedBlocksCount is %d, and %d blocks were written", count, len(s.written))
	}

	stated := wire.Text(call.In, "Checksum")
	if stated != "" {
		all := sha256.New()
		for _, index := range slices.Sorted(maps.Keys(s.written)) {
			digest := s.written[index]
			all.Write(digest[:])
		}
		switch {
		case wire.Text(call.In, "ChecksumAlgorithm") != "SHA256" || wire.Text(call.In, "ChecksumAggregationMethod") != "LINEAR":
			return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "A checksum needs its algorithm and aggregation method")
		case stated != base64.StdEncoding.EncodeToString(all.Sum(nil)):
			return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "The checksum %s is not that of the written blocks", stated)
		}
	}

	s.finish = e.limits.Completing
	return wire.Values{"Status": "pending"}, nil
}
