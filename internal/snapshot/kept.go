package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// DifferencesFile is the name of the file beside a disk that says where the disk differs from its base.
const DifferencesFile = "disk.differences"

// state says which file it is, and when anything last touched it. A copy, a file that was restored, and one that was
// written to, linked or given another mode all have another state.
type state struct {
	Device   uint64 `json:"device"`
	Inode    uint64 `json:"inode"`
	Size     int64  `json:"size"`     // bytes
	Modified int64  `json:"modified"` // nanoseconds since 1970: the file's contents
	Changed  int64  `json:"changed"`  // nanoseconds since 1970: anything of the file. No program can set this time.
}

// states are those of a disk and of its base.
type states struct {
	Disk state `json:"disk"`
	Base state `json:"base"`
}

func statesOf(ours, theirs *os.File) (states, error) {
	disk, err := stateOf(ours)
	base, baseErr := stateOf(theirs)
	return states{disk, base}, errors.Join(err, baseErr)
}

func stateOf(file *os.File) (state, error) {
	info, err := file.Stat()
	if err != nil {
		return state{}, err
	}
	all, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return state{}, fmt.Errorf("read state of %s: the system does not say which file it is", file.Name())
	}
	return state{all.Dev, all.Ino, all.Size, all.Mtim.Nano(), all.Ctim.Nano()}, nil
}

// kept is the content of DifferencesFile.
type kept struct {
	states

	Runs []run `json:"runs"`
}

// keptForm begins a DifferencesFile, before the SHA-256 of its JSON. Another form would have another number.
const keptForm = "differences 1 "

// Keep writes the differences beside the disk. It writes nothing if either disk was touched since they were found, and
// nothing for nil.
func (d *Differences) Keep() error {
	if d == nil {
		return nil
	}
	now, err := statesOf(d.ours, d.theirs)
	if err != nil || now != d.seen {
		return err
	}

	content := kept{states: now}
	for run := range d.blocks.runs() {
		content.Runs = append(content.Runs, run)
	}
	text, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("keep differences: %w", err)
	}

	text = append(fmt.Appendf(nil, "%s%x\n", keptForm, sha256.Sum256(text)), text...)
	if err := os.WriteFile(besideOf(d.ours), text, 0o600); err != nil {
		return fmt.Errorf("keep differences: %w", err)
	}

	return nil
}

func besideOf(disk *os.File) string { return filepath.Join(filepath.Dir(disk.Name()), DifferencesFile) }

// keptDifferences returns the blocks of a disk that may differ from its base's, by the file beside the disk. It returns
// nil if they must be found by comparing: there is no such file, it is damaged, or either disk was touched since.
func keptDifferences(ours, theirs *os.File, blocks int64) *Set {
	content, ok := readKept(besideOf(ours))
	if !ok {
		return nil
	}
	now, err := statesOf(ours, theirs)
	if err != nil || now != content.states {
		return nil
	}

	set := newSet(blocks)
	for _, run := range content.Runs {
		if run.First < 0 || run.Count < 1 || run.Count > blocks-run.First {
			return nil
		}
		set.addBytes(run.First*BlockSize, run.Count*BlockSize)
	}

	return set
}

// readKept reports false if the file is not exactly what Keep wrote.
func readKept(path string) (kept, bool) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return kept{}, false
	}
	defer file.Close()

	var text bytes.Buffer
	if _, err := text.ReadFrom(file); err != nil {
		return kept{}, false
	}
	head, body, _ := bytes.Cut(text.Bytes(), []byte("\n"))
	var content kept
	err = json.Unmarshal(body, &content)

	return content, err == nil && string(head) == fmt.Sprintf("%s%x", keptForm, sha256.Sum256(body))
}
