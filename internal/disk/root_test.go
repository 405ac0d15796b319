package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/diskfs/go-diskfs/partition/mbr"
)

// mbrDisk has one Linux partition from 1 MiB on.
func mbrDisk(tb testing.TB, kind string, size int64) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "disk.raw")
	run(tb, "dd", "if="+filesystem(tb, kind, size), "of="+path, "bs=1M", "conv=sparse", "seek=1")

	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()

	layout := &mbr.Table{Partitions: []*mbr.Partition{{Type: mbr.Linux, Start: 2048, Size: uint32(size / 512)}}}
	if err := errors.Join(f.Truncate(size+mib), layout.Write(f, size+mib)); err != nil {
		tb.Fatal(err)
	}

	return path
}

func TestRootIsFound(t *testing.T) {
	t.Parallel()
	needRoot(t)
	data := part{kind: gpt.LinuxFilesystem, size: 16 * mib}
	cases := map[string]struct {
		path   string
		number int
		offset int64
	}{
		"by its type, whatever lies before it": {table(t, part{gpt.LinuxFilesystem, 64 * mib, filesystem(t, Ext4, 64*mib)},
			part{gpt.LinuxRootX86_64, 64 * mib, filesystem(t, Ext4, 64*mib)}), 2, 65 * mib},
		"by /etc/os-release": {table(t, data, part{gpt.LinuxFilesystem, 64 * mib, filesystem(t, Ext4, 64*mib)}), 2, 17 * mib},
		"on xfs":             {table(t, part{gpt.LinuxFilesystem, 300 * mib, filesystem(t, XFS, 300*mib)}), 1, mib},
		"in an MBR":          {mbrDisk(t, Ext4, 64*mib), 1, mib},
		"as the whole disk":  {filesystem(t, Ext4, 64*mib), 0, 0},
		"as the whole xfs":   {filesystem(t, XFS, 300*mib), 0, 0},
	}

	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := Root(c.path)
			if err != nil || p.Number != c.number || p.Offset != c.offset {
				t.Errorf("got %+v, %v; want partition %d at %d", p, err, c.number, c.offset)
			}
		})
	}
}

func TestWhatIsNoDiskIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	needRoot(t)
	whole := rootDisk(t, Ext4)
	text := func(at int64, text string) string {
		path := filepath.Join(t.TempDir(), "disk.raw")
		write(t, path, "")
		patch(t, path, at, []byte(text))
		if err := os.Truncate(path, 8*mib); err != nil {
			t.Fatal(err)
		}
		return path
	}

	rootWith := func(at int64, text string) string {
		path := table(t, part{kind: gpt.LinuxRootX86_64, size: 8 * mib})
		patch(t, path, mib+at, []byte(text))
		return path
	}

	cut := filepath.Join(t.TempDir(), "cut.raw")
	if err := errors.Join(Clone(t.Context(), cut, whole, nil), os.Truncate(cut, 20*mib)); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.raw")
	write(t, empty, "")
	garbage := filepath.Join(t.TempDir(), "garbage.raw")
	write(t, garbage, strings.Repeat("garbage ", 1<<20))

	cases := map[string]struct{ path, reason string }{
		"empty":                    {empty, "not a disk"},
		"garbage":                  {garbage, "neither a partition table nor a filesystem"},
		"cut short":                {cut, "cut short"},
		"a directory":              {t.TempDir(), "not a regular file"},
		"a qcow2 file":             {text(0, "QFI\xfb\x00\x00\x00\x03"), "qemu-img convert"},
		"encrypted":                {text(0, "LUKS\xba\xbe\x00\x02"), "LUKS"},
		"an encrypted root":        {rootWith(0, "LUKS\xba\xbe\x00\x02"), "LUKS"},
		"an LVM volume":            {text(512, "LABELONE"), "LVM"},
		"a root on LVM":            {rootWith(512, "LABELONE"), "LVM"},
		"a root on btrfs":          {rootWith(0x10040, "_BHRfS_M"), "btrfs"},
		"a root of nothing":        {rootWith(0, "nothing"), "no filesystem that is known"},
		"without a root":           {table(t, part{kind: gpt.EFISystemPartition, size: 4 * mib}), "no root partition"},
		"a superblock and no more": {rootWith(0, "XFSB"), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Root(c.path)

			if c.reason == "" { // found, but it cannot be mounted
				_, err = Open(t.Context(), c.path, t.TempDir())
				if err == nil || loops(t, c.path) != "" {
					t.Errorf("got %v, loops %q", err, loops(t, c.path))
				}
				return
			}

			if unusable := (*Unusable)(nil); !errors.As(err, &unusable) && c.reason != "not a regular file" {
				t.Errorf("got %v, want an Unusable", err)
			}
			if err == nil || (!strings.Contains(err.Error(), c.reason) && !strings.Contains(err.Error(), "is a directory")) {
				t.Errorf("got %v, want one that says %q", err, c.reason)
			}
		})
	}
}

// TestTablesThatLieAboutTheirSizeAreRefused gives the counts that a reader would allocate by.
func TestTablesThatLieAboutTheirSizeAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(header []byte){
		"many partitions":       func(h []byte) { binary.LittleEndian.PutUint32(h[80:], 1<<31) },
		"partitions of nothing": func(h []byte) { binary.LittleEndian.PutUint32(h[84:], 0) },
		"large partitions":      func(h []byte) { binary.LittleEndian.PutUint32(h[84:], 1<<31) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := table(t, part{kind: gpt.LinuxRootX86_64, size: 4 * mib})
			header := make([]byte, 92)

			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()

			if _, err := f.ReadAt(header, 512); err != nil {
				t.Fatal(err)
			}
			change(header)
			clear(header[16:20])
			binary.LittleEndian.PutUint32(header[16:], crc32.ChecksumIEEE(header))
			patch(t, path, 512, header)

			if _, err := Root(path); err == nil || !strings.Contains(err.Error(), "claims") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzPartitions(f *testing.F) {
	sample, err := os.ReadFile(table(f, part{kind: gpt.LinuxRootX86_64, size: mib}))
	if err != nil {
		f.Fatal(err)
	}

	f.Add(sample[:4096])
	f.Fuzz(func(t *testing.T, head []byte) {
		path := filepath.Join(t.TempDir(), "disk.raw")
		if err := errors.Join(os.WriteFile(path, head, 0o600), os.Truncate(path, 2*mib)); err != nil {
			t.Fatal(err)
		}
		list, err := Partitions(path)
		for _, p := range list {
			if err != nil || p.Offset < 0 || p.Size <= 0 || p.Offset+p.Size > 2*mib {
				t.Errorf("partition outside the disk: %+v, %v", p, err)
			}
		}
	})
}

func TestCheckFindsDamage(t *testing.T) {
	t.Parallel()
	needRoot(t)

	for _, kind := range []string{Ext4, XFS} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			path := rootDisk(t, kind)
			if err := Check(t.Context(), path); err != nil {
				t.Fatalf("before the damage: %v", err)
			}
			at := int64(5*mib + 4096) // block group descriptors

			if kind == XFS {
				at = 5*mib + 512 // free space header of the first allocation group
			}

			patch(t, path, at, []byte(strings.Repeat("damage", 50)))
			damaged := (*Damaged)(nil)
			if err := Check(t.Context(), path); !errors.As(err, &damaged) {
				t.Errorf("got %v, want a Damaged", err)
			}
		})
	}
}

// e2fsck gives up with status 8 on a superblock that it cannot use; that is damage too, and not a fault of this machine.
func TestCheckTakesAnImpossibleSuperblockForDamage(t *testing.T) {
	t.Parallel()
	needRoot(t)
	path := filesystem(t, Ext4, 16*mib)
	run(t, "tune2fs", "-O", "^metadata_csum", path)
	patch(t, path, 1024+8, []byte{0xff, 0xff, 0, 0}) // s_r_blocks_count_lo: more reserved blocks than blocks

	damaged := (*Damaged)(nil)
	if err := Check(t.Context(), path); !errors.As(err, &damaged) {
		t.Errorf("got %v, want a Damaged", err)
	}
}

func TestCheckStopsWithItsContext(t *testing.T) {
	t.Parallel()
	needRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Check(ctx, rootDisk(t, Ext4)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func patch(tb testing.TB, path string, at int64, text []byte) {
	tb.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(text, at); err != nil {
		tb.Fatal(err)
	}
}
