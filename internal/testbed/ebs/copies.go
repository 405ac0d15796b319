package ebs

import (
	"cmp"
	"maps"
	"slices"
)

// Copy starts a copy of a completed snapshot that the account can see. The copy has a lineage of its own.
func (e *Service) Copy(id, description string, tags map[string]string, encrypted bool) (string, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	from := e.snapshots[id]
	if from == nil || from.State != "completed" || (from.Owner != e.Number && !from.Public) {
		return "", false
	}

	s := &Snapshot{
		ID: e.id(), Owner: e.Number, Description: description, Size: from.Size, State: "pending", Tags: tags, Started: e.Now(),
		Encrypted: from.Encrypted || encrypted || e.encrypt, blocks: maps.Clone(from.blocks), finish: e.limits.Completing, late: e.limits.Late,
	}
	if s.Encrypted {
		s.Key = cmp.Or(from.Key, Key)
		e.useKey(toEncrypt)
	}
	if from.Encrypted {
		e.useKey(toDecrypt, toCopy)
	}

	s.lineage = s.ID
	e.snapshots[s.ID] = s
	return s.ID, true
}

// CopyFrom is Copy from another region, whose blocks are copied too. Wanted has the copy's description, tags and
// encryption.
func (e *Service) CopyFrom(other *Service, id string, wanted Snapshot) (string, bool, error) {
	if other == e {
		made, ok := e.Copy(id, wanted.Description, wanted.Tags, wanted.Encrypted)
		return made, ok, nil
	}
	from, ok := other.Snapshot(id)
	if !ok || from.State != "completed" {
		return "", false, nil
	}

	blocks := map[int64][]byte{}
	for _, index := range other.Blocks(id) {
		block, err := other.Block(id, index)
		if err != nil {
			return "", false, err
		}
		blocks[index] = block
	}

	wanted.Size = from.Size
	wanted.Encrypted = wanted.Encrypted || from.Encrypted || e.EncryptsByDefault()
	if wanted.Encrypted {
		e.useKey(toEncrypt)
	}
	if from.Encrypted {
		e.useKey(toDecrypt, toCopy)
	}
	made, err := e.AddSnapshot(wanted, blocks)
	return made, err == nil, err
}

// IsEncrypted reports whether a snapshot is encrypted; false for a missing one.
func (e *Service) IsEncrypted(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	return s != nil && s.Encrypted
}

// Data is the size of all blocks of a snapshot in bytes, including its ancestors'.
func (s *Snapshot) Data() int64 { return int64(len(s.blocks)) << 19 }

// Visible returns copies of the snapshots that DescribeSnapshots can see, and advances those that are being
// completed.
func (e *Service) Visible() []*Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	var seen []*Snapshot
	for _, id := range slices.Sorted(maps.Keys(e.snapshots)) {
		s := e.snapshots[id]
		if s.late > 0 || (s.Owner != e.Number && !s.Public) {
			s.late = max(0, s.late-1)
			continue
		}

		if s.State == "pending" && s.finish == 0 {
			s.State = "completed"
		} else if s.State == "pending" && s.finish > 0 {
			s.finish--
		}

		shown := *s
		seen = append(seen, &shown)
	}

	return seen
}

// Remove deletes a snapshot of the account. It reports whether there was one.
func (e *Service) Remove(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	if s == nil || s.Owner != e.Number {
		return false
	}
	delete(e.snapshots, id)
	return true
}

// EncryptsByDefault reports whether new snapshots are encrypted by default.
func (e *Service) EncryptsByDefault() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.encrypt
}
