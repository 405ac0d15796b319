package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"image-builder/internal/filelock"
)

// journal records how much of an upload the service has, so that the upload continues where it stopped: a head, which
// names the snapshot, and the digests of the sent blocks. A digest is written after the service has the block, never
// before. So a lost write sends a block twice, but never leaves one out. One process at a time holds it.
type journal struct {
	path string
	sent *Digests
	lock *filelock.Lock // on the file of sent
	head
}

// head is the part of a journal that is replaced atomically.
type head struct {
	Seed     string    `json:"seed"`               // identifies the upload by its parameters
	Attempt  int       `json:"attempt"`            // grows with each snapshot that failed
	Snapshot string    `json:"snapshot,omitempty"` // its ID
	Begun    time.Time `json:"begun,omitzero"`     // when the snapshot was started
	// Completing says that all blocks were sent, and that the service may already know it.
	Completing bool `json:"completing,omitempty"`
	// Done says that the snapshot is completed, with this many blocks of its own.
	Done   bool  `json:"done,omitempty"`
	Blocks int64 `json:"blocks,omitempty"`
}

// ErrBusy says that another process works on the same upload.
var ErrBusy = errors.New("another process uploads the same disk: wait for it")

// openJournal opens the journal at path for a disk of this many bytes, or creates it.
func openJournal(path string, bytes int64) (*journal, error) {
	sent, err := CreateDigests(path+".sent", bytes)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}

	lock, err := filelock.Exclusive(sent.file)
	if errors.Is(err, filelock.ErrHeld) {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), sent.Close())
	}

	j := &journal{path: path, sent: sent, lock: lock}
	if err := j.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), j.close())
	}
	return j, nil
}

// read reads an earlier process's head, if there is one.
func (j *journal) read() error {
	text, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &j.head); err != nil {
		return fmt.Errorf("read %s: %w: remove it", j.path, err)
	}

	return nil
}

// write replaces the head.
func (j *journal) write(h head) error {
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}

	next := j.path + ".new"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := os.Rename(next, j.path); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}

	j.head = h
	return nil
}

// restart clears the journal for another snapshot.
func (j *journal) restart(h head) error {
	if err := j.sent.file.Truncate(0); err != nil {
		return fmt.Errorf("clear journal: %w", err)
	}
	if err := j.sent.file.Truncate(j.sent.blocks * digestSize); err != nil {
		return fmt.Errorf("clear journal: %w", err)
	}
	return j.write(h)
}

// has reports whether the service has a block.
func (j *journal) has(index int64, digest Digest) (bool, error) {
	sent, err := j.sent.At(index)
	return sent == digest, err
}

// Forget removes the journal of an upload at path. Afterwards only the client token identifies the upload.
func Forget(path string) error {
	for _, name := range []string{path, path + ".sent"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove journal: %w", err)
		}
	}
	return nil
}

// close releases the journal; another process may then continue it.
func (j *journal) close() error { return errors.Join(j.lock.Release(), j.sent.Close()) }
