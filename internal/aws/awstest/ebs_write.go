package awstest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
)

func ebsInvalid(reason, message string, args ...any) error {
	return Reasoned{Fault{Code: "ValidationException", Message: fmt.Sprintf(message, args...)}, reason}
}

func ebsMissing(id string) error {
	return Reasoned{Fault{Code: "ResourceNotFoundException", Message: fmt.Sprintf("The snapshot '%s' does not exist.", id)}, ebsNotFound}
}

// https://docs.aws.amazon.com/ebs/latest/APIReference/API_StartSnapshot.html
func (e *EBS) startSnapshot(call Call) (Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	token := textOf(call.In, "ClientToken")
	begun := fmt.Sprint(call.In) // maps are printed in order
	if len(token) > 64 {
		return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "Client token is longer than 64 characters")
	}
	for _, s := range e.snapshots {
		switch {
		case token == "" || s.token != token:
		case s.begun != begun:
			return nil, Fault{Code: "ConflictException", Message: "The request uses the same client token as a previous, but non-identical request."}
		default:
			return e.encodeStarted(s), nil
		}
	}

	s := &Snapshot{
		ID: e.id(), Owner: e.number, State: "pending", Size: numberOf(call.In, "VolumeSize", 0), Description: textOf(call.In, "Description"),
		Parent: textOf(call.In, "ParentSnapshotId"), Encrypted: truthOf(call.In, "Encrypted") || e.encrypt, Tags: map[string]string{},
		Started: e.now(), begun: begun, token: token, blocks: map[int64]blockDigest{}, written: map[int64]blockDigest{}, late: e.limits.Late, finish: -1,
	}
	for _, tag := range listOf[Values](call.In, "Tags") {
		s.Tags[textOf(tag, "Key")] = textOf(tag, "Value")
	}
	s.lineage = s.ID
	if err := e.inherit(s, call.In); err != nil {
		return nil, err
	}
	if s.Encrypted {
		s.Key = orElse(s.Key, orElse(textOf(call.In, "KmsKeyArn"), ebsKey))
	}

	pending := 0
	for _, other := range e.snapshots {
		if other.State == "pending" && other.finish < 0 {
			pending++
		}
	}
	if pending >= ebsPending {
		return nil, Reasoned{Fault{Code: "ServiceQuotaExceededException", Message: "The maximum number of pending snapshots was reached."}, "DEPENDENCY_SERVICE_QUOTA_EXCEEDED"}
	}
	e.snapshots[s.ID] = s
	return e.encodeStarted(s), nil
}

// inherit gives a snapshot what its parent has, and refuses what the two do not agree on.
func (e *EBS) inherit(s *Snapshot, in Values) error {
	_, encrypted := in["Encrypted"]
	key := textOf(in, "KmsKeyArn")
	if s.Parent == "" {
		if key != "" && !truthOf(in, "Encrypted") && !e.encrypt {
			return ebsInvalid("INVALID_PARAMETER_VALUE", "KmsKeyArn needs Encrypted")
		}
		return nil
	}

	parent := e.snapshots[s.Parent]
	switch {
	case parent == nil || parent.Owner != e.number:
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

func (e *EBS) encodeStarted(s *Snapshot) Values {
	out := Values{
		"SnapshotId": s.ID, "OwnerId": s.Owner, "Status": s.State, "StartTime": s.Started.UTC(), "VolumeSize": s.Size, "BlockSize": ebsBlock,
	}
	for name, text := range map[string]string{"Description": s.Description, "ParentSnapshotId": s.Parent, "KmsKeyArn": s.Key} {
		if text != "" {
			out[name] = text
		}
	}
	if len(s.Tags) > 0 {
		out["Tags"] = ec2Tags(s.Tags)
	}
	return out
}

// pending finds a snapshot that may be written to.
func (e *EBS) pending(call Call) (*Snapshot, error) {
	id := textOf(call.In, "SnapshotId")
	s := e.snapshots[id]
	if s == nil || s.Owner != e.number {
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
func (e *EBS) putSnapshotBlock(call Call) (Values, error) {
	block, _ := call.In["BlockData"].([]byte)
	digest := sha256.Sum256(block) // without the lock: it takes the most time
	stated := textOf(call.In, "Checksum")

	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := e.pending(call)
	if err != nil {
		return nil, err
	}
	index := numberOf(call.In, "BlockIndex", -1)
	switch {
	case index < 0 || index >= s.Size*ebsPerGiB:
		return nil, ebsInvalid("INVALID_BLOCK", "Block %d is not in a volume of %d GiB", index, s.Size)
	case numberOf(call.In, "DataLength", 0) != ebsBlock || len(block) != ebsBlock:
		return nil, ebsInvalid("INVALID_BLOCK", "A block has %d bytes, not %d", ebsBlock, len(block))
	case stated != base64.StdEncoding.EncodeToString(digest[:]):
		return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "The checksum %s is not that of the data", stated)
	}

	if err := e.keep(digest, block); err != nil {
		return nil, err
	}
	s.blocks[index] = digest
	s.written[index] = digest
	return Values{"Checksum": stated, "ChecksumAlgorithm": "SHA256"}, nil
}

// https://docs.aws.amazon.com/ebs/latest/APIReference/API_CompleteSnapshot.html
func (e *EBS) completeSnapshot(call Call) (Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := e.pending(call)
	if err != nil {
		return nil, err
	}
	if count := numberOf(call.In, "ChangedBlocksCount", -1); count != int64(len(s.written)) {
		return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "ChangedBlocksCount is %d, and %d blocks were written", count, len(s.written))
	}

	stated := textOf(call.In, "Checksum")
	if stated != "" {
		all := sha256.New()
		for _, index := range slices.Sorted(maps.Keys(s.written)) {
			digest := s.written[index]
			all.Write(digest[:])
		}
		switch {
		case textOf(call.In, "ChecksumAlgorithm") != "SHA256" || textOf(call.In, "ChecksumAggregationMethod") != "LINEAR":
			return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "A checksum needs its algorithm and aggregation method")
		case stated != base64.StdEncoding.EncodeToString(all.Sum(nil)):
			return nil, ebsInvalid("INVALID_PARAMETER_VALUE", "The checksum %s is not that of the written blocks", stated)
		}
	}
	s.finish = e.limits.Completing
	return Values{"Status": "pending"}, nil
}
