package secret

import (
	"bytes"
	"cmp"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// place is one occurrence, for comparison.
type place struct {
	Offset int64
	Length int
	Form   string
}

func places(hits []Hit) []place {
	var found []place
	for _, h := range hits {
		found = append(found, place{h.Offset, h.Length, h.Form})
	}
	return found
}

// expected finds every pattern in data by brute force and keeps the outermost.
func expected(x *Search, data []byte) []Hit {
	var hits []Hit
	for i, p := range x.patterns {
		for at := 0; ; at++ {
			next := bytes.Index(data[at:], []byte(p.text))
			if next < 0 {
				break
			}
			at += next
			hits = append(hits, Hit{Secret: p.secret, Form: p.form, Offset: int64(at), Length: len(p.text), pattern: int32(i)})
		}
	}

	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Compare(a.Offset, b.Offset) })
	var kept []Hit
	for _, h := range hits {
		if !slices.ContainsFunc(hits, func(o Hit) bool {
			return o != h && o.Secret == h.Secret && o.Offset <= h.Offset && o.Offset+int64(o.Length) >= h.Offset+int64(h.Length)
		}) {
			kept = append(kept, h)
		}
	}

	return kept
}

func diskOf(tb testing.TB, data []byte) *os.File {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "disk.raw")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return open(tb, name)
}

func open(tb testing.TB, name string) *os.File {
	tb.Helper()
	file, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = file.Close() })
	return file
}

func found(tb testing.TB, x *Search, disk *os.File) []Hit {
	tb.Helper()
	found, err := x.Disk(context.Background(), disk)
	if err != nil {
		tb.Fatal(err)
	}
	return found.Hits
}

func TestDiskFindsEveryPlaceAndAlignment(t *testing.T) {
	t.Parallel()
	set := NewSet([]Secret{
		{"token", []byte("tok_93fe12ab77c0\n")},
		{"zeros", []byte("\x00\x00\x00begins and ends with zeros\x00\x00\x00\x00")},
		{"overlap", []byte("abcabcabcabcabcabc")},
		{"long", bytes.Repeat([]byte("0123456789abcdef-"), 300)},
	})

	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 11, 12, 13, 100, chunk - 1, chunk, chunk + 5, 3*chunk + 9} {
		for round := range 4 {
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(random.IntN(4)) * 32 // zeros and spaces: near the patterns' own bytes
			}

			for _, p := range set.Search().patterns {
				for _, near := range []int{0, size, chunk, 2 * chunk, random.IntN(size + 1)} {
					at := near - random.IntN(2*MinLength+len(p.text)/2) + round
					if at >= 0 && at < size {
						copy(data[at:], p.text)
					}
				}
			}

			want := expected(set.Search(), data)
			got := found(t, set.Search(), diskOf(t, data))
			if diff := gocmp.Diff(places(want), places(got), cmpopts.SortSlices(func(a, b place) bool {
				return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Length, b.Length)) < 0
			})); diff != "" {
				t.Fatalf("size %d, round %d: wrong hits (-want +got):\n%s", size, round, diff)
			}
		}
	}
}

func TestDiskFindsWhatReachesIntoHoles(t *testing.T) {
	t.Parallel()
	const block, zeros = 64 << 10, "\x00\x00\x00\x00\x00\x00\x00\x00"
	set := NewSet([]Secret{{"binary", []byte(zeros + "tail")}, {"binary", []byte("head" + zeros)}})

	file, err := os.Create(filepath.Join(t.TempDir(), "disk.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()

	want := []place{{4*block - 8, 12, plain}, {8*block - 4, 12, plain}}
	for text, at := range map[string]int64{"tail": 4 * block, "head": 8*block - 4} { // the zeros lie in the holes around
		if _, err := file.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}

	if err := file.Truncate(20 * block); err != nil {
		t.Fatal(err)
	}
	got, err := set.Search().Disk(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, places(got.Hits)); diff != "" {
		t.Errorf("wrong hits (-want +got):\n%s", diff)
	}

	if got.Bytes == 0 || got.Bytes >= 10*block {
		t.Errorf("read %d bytes of a disk with two blocks of data", got.Bytes)
	}
}

func TestDiskStops(t *testing.T) {
	t.Parallel()
	set := NewSet([]Secret{{"token", []byte("tok_93fe12ab")}})
	t.Run("when cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(os.ErrDeadlineExceeded)
		if _, err := set.Search().Disk(ctx, diskOf(t, make([]byte, 64*chunk))); err == nil {
			t.Error("a cancelled search ended without an error")
		}
	})

	t.Run("at too many hits", func(t *testing.T) {
		t.Parallel()
		disk := diskOf(t, bytes.Repeat([]byte("tok_93fe12ab"), maxHits+1))
		got, err := set.Search().Disk(context.Background(), disk)
		if err != nil || !got.More || len(got.Hits) != maxHits {
			t.Errorf("a disk full of secrets yields %d hits, more: %v, %v", len(got.Hits), got.More, err)
		}
	})
}

func TestExceptDropsWhatTheBaseHolds(t *testing.T) {
	t.Parallel()
	set := NewSet([]Secret{
		{"config", []byte("Password=correct-horse-battery\nIdentityFile ~/.ssh/deploy\n")},
		{"token", []byte("tok_93fe12ab77c0")},
	})

	base := diskOf(t, []byte("# ssh_config\nPassword=correct-horse-battery\n"))
	disk := diskOf(t, []byte("# ssh_config\nPassword=correct-horse-battery\n\n token: tok_93fe12ab77c0"))
	hits := found(t, set.Search(), disk)
	left, err := set.Search().Except(context.Background(), base, hits)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]place{{13, 30, plain}, {53, 16, plain}}, places(hits)); diff != "" {
		t.Errorf("wrong hits before (-want +got):\n%s", diff)
	}

	if diff := gocmp.Diff([]place{{53, 16, plain}}, places(left)); diff != "" {
		t.Errorf("wrong hits left (-want +got):\n%s", diff)
	}
}

// A clone that shares blocks with its base gives the same leaks whether these blocks are read or skipped.
func TestDiskPassesOverWhatTheBaseHolds(t *testing.T) {
	t.Parallel()
	const block = 4096
	set := NewSet([]Secret{{"token", []byte("tok_93fe12ab77c0")}, {"long", bytes.Repeat([]byte("0123456789abcdef-"), 100)}})

	random := rand.New(rand.NewPCG(3, 4))
	for round := range 40 {
		base := make([]byte, 64*block)
		plant := func(data []byte, at int) {
			copy(data[max(0, at):], set.Search().patterns[random.IntN(len(set.Search().patterns))].text)
		}
		for range 10 {
			plant(base, random.IntN(len(base)))
		}

		disk := bytes.Clone(base)
		var known []Range

		at := 0
		for at < len(disk) {
			own := block * random.IntN(4)
			shared := block * (1 + random.IntN(8))

			for range 2 {
				if own > 0 && at+own <= len(disk) {
					plant(disk[:at+own], at+random.IntN(own))
				}
			}

			at += own
			if at+shared <= len(disk) {
				plant(disk[:at], at-random.IntN(100)) // cut off where the shared block begins
				known = append(known, Range{int64(at), int64(shared)})
			}

			at += shared
		}

		baseFile := diskOf(t, base)
		diskFile := diskOf(t, disk)
		want, err := set.Search().Except(t.Context(), baseFile, found(t, set.Search(), diskFile))
		if err != nil {
			t.Fatal(err)
		}

		narrowed, err := set.Search().Disk(t.Context(), diskFile, known...)
		if err != nil {
			t.Fatal(err)
		}
		hits := narrowed.Hits
		read := narrowed.Bytes

		got, err := set.Search().Except(t.Context(), baseFile, hits)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(places(want), places(got)); diff != "" {
			t.Fatalf("round %d: wrong leaks (-want +got):\n%s", round, diff)
		}

		if read > int64(len(disk)) || (len(known) > 0 && read == int64(len(disk))) {
			t.Errorf("round %d: read %d of %d bytes, %d ranges known", round, read, len(disk), len(known))
		}
	}
}

func FuzzDisk(f *testing.F) {
	f.Add([]byte("0123456789ab"), []byte("xx0123456789abyyMDEyMzQ1Njc4OWFi"), uint16(3))
	f.Add([]byte("A=\"0123456789ab\\nfoo bar baz qux\""), []byte("foo+bar+baz+quxfoo%20bar%20baz"), uint16(chunk%65536))

	f.Fuzz(func(t *testing.T, value, data []byte, shift uint16) {
		set := NewSet([]Secret{{"value", value}})
		data = append(make([]byte, shift), data...)
		data = append(append(data, bytes.TrimSpace(value)...), data...)
		want := expected(set.Search(), data)
		got := found(t, set.Search(), diskOf(t, data))
		slices.SortFunc(want, func(a, b Hit) int { return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length)) })
		if diff := gocmp.Diff(places(want), places(got)); diff != "" {
			t.Fatalf("wrong hits (-want +got):\n%s", diff)
		}
	})
}
