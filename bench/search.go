package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"

	"image-builder/internal/secret"
)

// searchRole as the first argument makes this program search one disk, so that its memory can be told from ours.
const searchRole = "search-one-disk"

func searchOnce(disk, secrets string) error {
	loaded, err := secret.Load(secrets)
	if err != nil {
		return err
	}
	file, err := os.Open(disk)
	if err != nil {
		return err
	}
	defer file.Close()

	search := secret.NewSet(loaded).Search()
	found, err := search.Disk(context.Background(), file)
	fmt.Println(len(found.Hits), "hits,", search.Patterns(), "patterns,", found.Bytes, "bytes")
	return err
}

// search compares the secret search to grep and ripgrep, on a sparse disk and on a dense file.
func (j *jobs) search(ctx context.Context) error {
	secrets := filepath.Join(j.work, "hundred-secrets")
	if err := writeSecrets(secrets, 100); err != nil {
		return err
	}
	whole, all, err := writePatterns(j.work, secrets)
	if err != nil {
		return err
	}

	dense, err := j.writeDense()
	if err != nil {
		return err
	}
	sparse := filepath.Join(j.volumes[0].dir, "searched.raw")
	if _, err := output(ctx, j.floorArgs(j.volumes[0], "mirror", sparse)...); err != nil {
		return err
	}

	for name, file := range map[string]string{"sparse disk": sparse, "dense file": dense} {
		if err := j.searchFile(ctx, name, file, secrets, whole, all); err != nil {
			return err
		}
	}

	return errors.Join(os.Remove(sparse), os.Remove(dense))
}

// searchFile lets each program search one file. grep gets -z, without which it takes a hole for one line and keeps it all
// in memory; ripgrep is not faster with a similar option.
func (j *jobs) searchFile(ctx context.Context, name, file, secrets, whole, all string) error {
	say("search for secrets in a %s", name)
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	found, err := output(ctx, "/proc/self/exe", searchRole, file, secrets)
	if err != nil {
		return err
	}

	j.report.note("%s: %.1f GiB, %s", name, float64(info.Size())/(1<<30), found)
	contestants := []contestant{searcher("image-builder, every form", "/proc/self/exe", searchRole, file, secrets)}
	for _, set := range []struct{ name, patterns string }{{"one line of each", whole}, {"every form", all}} {
		contestants = append(contestants, searcher("grep -z -F, "+set.name, "env", "LC_ALL=C", "grep", "-a", "-c", "-z", "-F", "-f", set.patterns, file))
		if installed("rg") {
			contestants = append(contestants,
				searcher("rg -F --mmap, "+set.name, "rg", "-a", "-c", "-F", "--mmap", "-f", set.patterns, file),
				searcher("rg -F --no-mmap, "+set.name, "rg", "-a", "-c", "-F", "--no-mmap", "-f", set.patterns, file))
		}
	}

	samples, err := interleave(ctx, j.rounds, contestants)
	if err != nil {
		return err
	}
	table := rows("search of a "+name, contestants, samples)
	fastest := table[1]
	for _, r := range table[1:] {
		if r.Median < fastest.Median {
			fastest = r
		}
	}

	table[0].Against = "the fastest other"
	table[0].Ratio = table[0].Median / fastest.Median
	table[0].aim("≤ 1× and < 64 MiB", table[0].Ratio <= 1 && table[0].PeakMiB < 64)
	j.report.add(table...)
	return nil
}

func searcher(name string, args ...string) contestant {
	return contestant{name: name, run: func(ctx context.Context) (sample, error) {
		s, _, err := timed(command(ctx, args...), 1) // 1: nothing found
		return s, err
	}}
}

// writePatterns writes the pattern files for grep and ripgrep: the values that are one line, and every form of each
// (what holds a line break cannot be a line of such a file, and ripgrep takes no pattern that is not text).
func writePatterns(dir, secrets string) (whole, all string, err error) {
	loaded, err := secret.Load(secrets)
	if err != nil {
		return "", "", err
	}
	var values, forms strings.Builder
	for _, one := range loaded {
		lines := strings.Split(strings.TrimSpace(string(one.Value)), "\n")
		fmt.Fprintln(&values, lines[len(lines)/2])
	}

	for text := range secret.NewSet(loaded).Search().Texts() {
		if !strings.Contains(text, "\n") && utf8.ValidString(text) {
			fmt.Fprintln(&forms, text)
		}
	}

	whole, err = write(filepath.Join(dir, "patterns-whole"), values.String(), 0o600)
	if err != nil {
		return "", "", err
	}
	all, err = write(filepath.Join(dir, "patterns-all"), forms.String(), 0o600)

	return whole, all, err
}

// writeDense writes 1 GiB without a hole: packed git data, programs and libraries, source text, in turn until it is full.
func (j *jobs) writeDense() (name string, err error) {
	name = filepath.Join(j.work, "dense")
	file, err := os.Create(name)
	if err != nil {
		return "", err
	}
	out := bufio.NewWriterSize(file, 1<<20)

	room := &io.LimitedReader{N: 1 << 30}
	for room.N > 0 && err == nil {
		before := room.N
		for _, dir := range []string{j.repository.dir, "/usr/bin", filepath.Join(runtime.GOROOT(), "src"), "/usr/lib"} { //nolint:staticcheck // where the sources lie, if they do
			err = errors.Join(err, appendTree(out, room, dir))
		}
		if room.N == before {
			err = errors.New("write dense file: nothing to fill it with")
		}
	}

	return name, errors.Join(err, out.Flush(), file.Close())
}

// appendTree copies the regular files below dir, as far as there is room.
func appendTree(out io.Writer, room *io.LimitedReader, dir string) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || room.N == 0 {
			return nil //nolint:nilerr // what cannot be read is not copied
		}
		file, err := os.Open(name)
		if err != nil {
			return nil //nolint:nilerr // the same
		}
		defer file.Close()

		room.R = file
		_, err = io.Copy(out, room)
		return err
	})
}
