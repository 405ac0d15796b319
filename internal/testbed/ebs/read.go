package ebs

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"image-builder/internal/testbed/wire"
)

// readable finds a snapshot that may be read: completed, and this account's own.
func (e *Service) readable(id string) (*Snapshot, error) {
	s := e.snapshots[id]
	switch {
	case s == nil:
		return nil, ebsMissing(id)
	case s.Owner != e.Number: // public ones, too
		return nil, wire.Reasoned{Fault: wire.Fault{Code: "AccessDeniedException", Message: "You do not have access to the snapshot " + id}, Reason: "UNAUTHORIZED_ACCOUNT"}
	case s.State != "completed":
		return nil, ebsInvalid("INVALID_SNAPSHOT_ID", "The snapshot %s is %s", id, s.State)
	}
	return s, nil
}

// blockToken identifies a block of a snapshot. AWS's tokens are opaque, and valid for 7 days.
func blockToken(s *Snapshot, index int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s block %d", s.ID, index))
}

// https://docs.aws.amazon.com/ebs/latest/APIReference/API_GetSnapshotBlock.html
func (e *Service) getSnapshotBlock(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	s, err := e.readable(wire.Text(call.In, "SnapshotId"))
	if err != nil {
		e.mu.Unlock()
		return nil, err
	}

	index := wire.Number(call.In, "BlockIndex", -1)
	digest, there := s.blocks[index]
	token := blockToken(s, index)
	if s.Encrypted {
		e.useKey(toDecrypt)
	}
	e.mu.Unlock()

	if !there || wire.Text(call.In, "BlockToken") != token {
		return nil, ebsInvalid("INVALID_BLOCK_TOKEN", "The token is not that of block %d of %s", index, s.ID)
	}
	e.mu.Lock()
	offset := e.blocks[digest]
	e.mu.Unlock()

	block := make([]byte, blockSize)
	if _, err := e.file.ReadAt(block, offset); err != nil {
		return nil, err
	}

	return wire.Values{
		"DataLength": int64(blockSize), "BlockData": block, "Checksum": base64.StdEncoding.EncodeToString(digest[:]), "ChecksumAlgorithm": "SHA256",
	}, nil
}

// https://docs.aws.amazon.com/ebs/latest/APIReference/API_ListSnapshotBlocks.html
func (e *Service) listSnapshotBlocks(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := e.readable(wire.Text(call.In, "SnapshotId"))
	if err != nil {
		return nil, err
	}

	indices := slices.Sorted(maps.Keys(s.blocks))
	window, next, err := ebsPage(call.In, indices, s.ID)
	if err != nil {
		return nil, err
	}
	blocks := []any{}
	for _, index := range window {
		blocks = append(blocks, wire.Values{"BlockIndex": index, "BlockToken": blockToken(s, index)})
	}

	return e.listed("Blocks", blocks, s, next), nil
}

// https://docs.aws.amazon.com/ebs/latest/APIReference/API_ListChangedBlocks.html
func (e *Service) listChangedBlocks(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	second, err := e.readable(wire.Text(call.In, "SecondSnapshotId"))
	if err != nil {
		return nil, err
	}

	first := &Snapshot{}

	if id := wire.Text(call.In, "FirstSnapshotId"); id != "" {
		first, err = e.readable(id)
		if err != nil {
			return nil, err
		}
		if first.lineage != second.lineage {
			return nil, ebsInvalid("UNRELATED_SNAPSHOTS", "The snapshots %s and %s are not related", first.ID, second.ID)
		}
	}

	differ := map[int64]bool{}
	for index, digest := range second.blocks {
		if there, ok := first.blocks[index]; !ok || there != digest {
			differ[index] = true
		}
	}

	for index := range first.blocks {
		if _, ok := second.blocks[index]; !ok {
			differ[index] = true
		}
	}

	window, next, err := ebsPage(call.In, slices.Sorted(maps.Keys(differ)), first.ID+second.ID)
	if err != nil {
		return nil, err
	}
	blocks := []any{}
	for _, index := range window {
		block := wire.Values{"BlockIndex": index}
		if _, ok := first.blocks[index]; ok {
			block["FirstBlockToken"] = blockToken(first, index)
		}
		if _, ok := second.blocks[index]; ok {
			block["SecondBlockToken"] = blockToken(second, index)
		}
		blocks = append(blocks, block)
	}

	return e.listed("ChangedBlocks", blocks, second, next), nil
}

func (e *Service) listed(member string, blocks []any, s *Snapshot, next string) wire.Values {
	out := wire.Values{member: blocks, "VolumeSize": s.Size, "BlockSize": blockSize, "ExpiryTime": e.Now().UTC().Add(7 * 24 * time.Hour)}
	if next != "" {
		out["NextToken"] = next
	}
	return out
}

// ebsPage cuts a page out of indices. As on AWS, a page may be empty although others follow: the first one is.
func ebsPage(in wire.Values, indices []int64, list string) (window []int64, next string, err error) {
	size := wire.Number(in, "MaxResults", 10_000)
	if size < 100 {
		return nil, "", ebsInvalid("INVALID_PARAMETER_VALUE", "MaxResults is less than 100")
	}
	start := wire.Number(in, "StartingBlockIndex", 0)

	token := wire.Text(in, "NextToken")
	if token != "" {
		text, _ := base64.StdEncoding.DecodeString(token)
		at, ok := strings.CutPrefix(string(text), list+" page ")
		start, err = strconv.ParseInt(at, 10, 64)
		if err != nil || !ok {
			return nil, "", ebsInvalid("INVALID_PAGE_TOKEN", "The page token is invalid")
		}
	}

	first, _ := slices.BinarySearch(indices, start)
	end := min(len(indices), first+int(size))

	if token == "" && len(indices) > first {
		end = first
	}

	if end < len(indices) {
		next = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s page %d", list, indices[end]))
	}

	return indices[first:end], next, nil
}
