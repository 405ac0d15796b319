// Package corpus attacks the search for secrets: it plants every value of the corpus of credential files on a real disk,
// deletes half of the files, and compares what the search finds with what grep -aF finds in the raw disk.
//
// It needs mkfs.ext4 and debugfs, and neither root nor a mount. It writes into the directory that it is given only, and
// never prints a value: the corpus holds no real one, but its ways should be those of real ones.
package corpus

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"image-builder/internal/secret"
	"image-builder/internal/secret/secrettest"
)

// diskSize is how large the disk is, in bytes.
const diskSize = 256 << 20

// Result counts what was planted and what was found.
type Result struct {
	Files, Formats int
	Planted        int // values, each in a file of its own
	Deleted        int // of these files
	OnDisk         int // values that grep finds in the raw disk
	Found          int // of these, by the search
	// Missed names the values that the search did not find: file of the corpus and number of the value.
	Missed []string
}

func (r Result) String() string {
	text := fmt.Sprintf("%d files in %d formats, %d values planted, %d of them deleted: grep -aF finds %d on the disk, the search %d",
		r.Files, r.Formats, r.Planted, r.Deleted, r.OnDisk, r.Found)
	if len(r.Missed) > 0 {
		text += "; missed: " + strings.Join(r.Missed, ", ")
	}
	return text
}

// planted is one value on the disk.
type planted struct {
	name  string // of the value
	value string
}

// Attack runs in an empty directory, which it fills with a disk of 256 MiB.
func Attack(ctx context.Context, dir string) (Result, error) {
	files, err := secrettest.Files()
	if err != nil {
		return Result{}, err
	}
	result := Result{Files: len(files)}

	var secrets []secret.Secret
	var values []planted

	formats := map[string]bool{}
	for _, file := range files {
		formats[file.Format()] = true
		secrets = append(secrets, secret.Secret{Name: file.Name, Value: file.Text})
		for i, value := range file.Values {
			values = append(values, planted{name: file.Name + "#" + strconv.Itoa(i), value: value})
		}
	}

	result.Formats = len(formats)
	result.Planted = len(values)

	disk, deleted, err := plant(ctx, dir, values)
	if err != nil {
		return Result{}, err
	}
	result.Deleted = deleted

	hits, err := search(ctx, disk, secrets)
	if err != nil {
		return Result{}, err
	}
	places, err := grep(ctx, dir, disk, values)
	if err != nil {
		return Result{}, err
	}

	for i, value := range values {
		if len(places[i]) == 0 {
			continue
		}
		result.OnDisk++
		if isHit(hits, places[i], int64(len(value.value))) {
			result.Found++
			continue
		}
		result.Missed = append(result.Missed, value.name)
	}

	return result, nil
}

// plant makes an ext4 disk with a file for each value, and deletes every second one of them.
func plant(ctx context.Context, dir string, values []planted) (disk string, deleted int, err error) {
	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0o700); err != nil {
		return "", 0, err
	}

	var removals strings.Builder
	for i, value := range values {
		name := fmt.Sprintf("value-%04d", i)
		text := strings.Repeat("log line\n", i%50) + "it is " + value.value + "\nand more\n"
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o600); err != nil {
			return "", 0, err
		}
		if i%2 == 1 {
			fmt.Fprintf(&removals, "rm /%s\n", name)
			deleted++
		}
	}

	disk = filepath.Join(dir, "disk.raw")
	script := filepath.Join(dir, "removals")
	if err := os.WriteFile(script, []byte(removals.String()), 0o600); err != nil {
		return "", 0, err
	}
	if err := run(ctx, "mkfs.ext4", "-q", "-d", tree, disk, strconv.Itoa(diskSize>>10)); err != nil {
		return "", 0, err
	}

	return disk, deleted, run(ctx, "debugfs", "-w", "-f", script, disk)
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", name, err, out)
	}
	return nil
}

func search(ctx context.Context, disk string, secrets []secret.Secret) ([]secret.Hit, error) {
	file, err := os.Open(disk)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found, err := secret.NewSet(secrets).Search().Disk(ctx, file)
	return found.Hits, err
}

// grep returns the offsets of each value in the raw disk. Values that a line of a pattern file cannot hold are looked for
// without it.
func grep(ctx context.Context, dir, disk string, values []planted) ([][]int64, error) {
	raw, err := os.ReadFile(disk)
	if err != nil {
		return nil, err
	}

	var patterns strings.Builder
	number := map[string]int{}

	places := make([][]int64, len(values))
	for i, value := range values {
		if !strings.ContainsAny(value.value, "\n\x00") {
			number[value.value] = i
			patterns.WriteString(value.value + "\n")
			continue
		}
		if at := bytes.Index(raw, []byte(value.value)); at >= 0 {
			places[i] = append(places[i], int64(at))
		}
	}

	list := filepath.Join(dir, "patterns")
	if err := os.WriteFile(list, []byte(patterns.String()), 0o600); err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, "grep", "-a", "-o", "-b", "-F", "-f", list, disk)
	command.Env = append(os.Environ(), "LC_ALL=C")
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("run grep: %w", err)
	}

	for line := range strings.Lines(string(out)) {
		offset, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		at, err := strconv.ParseInt(offset, 10, 64)
		i, known := number[text]
		if err != nil || !known {
			return nil, fmt.Errorf("read grep's answer: no value at %s", offset)
		}
		places[i] = append(places[i], at)
	}

	return places, nil
}

// isHit reports whether some hit covers a part of the value at each of its places.
func isHit(hits []secret.Hit, places []int64, length int64) bool {
	for _, place := range places {
		covered := false
		for _, hit := range hits {
			if hit.Offset < place+length && place < hit.Offset+int64(hit.Length) {
				covered = true
				break
			}
		}
		if !covered {
			return false
		}
	}

	return true
}
