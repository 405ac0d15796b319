package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
)

// damages is how often each kind of disk is damaged.
const damages = 40

// span is a part of a disk, in bytes.
type span struct{ from, to int64 }

// hostileDisk is a kind of disk: the shell script that makes it at $1 of the tree at $2 (xfs: empty), and the parts of it that are damaged. repair, if
// there is one, makes checksums valid again, so that a disk is not refused for them alone.
type hostileDisk struct {
	name, script string
	parts        []span
	repair       func(*os.File) error
}

func hostileDisks() []hostileDisk {
	const ext4 = `truncate -s 64M "$1"; mkfs.ext4 -q -d "$2" "$1"; `
	const move = `mv "$1" "$1.part"; truncate -s 80M "$1"; `
	const fill = `dd if="$1.part" of="$1" bs=1M seek=1 conv=notrunc,sparse status=none; rm "$1.part"; `
	const gpt = ext4 + move + `printf 'label: gpt\nstart=2048, size=131072\n' | sfdisk -q "$1"; ` + fill
	const mbr = ext4 + move + `printf 'label: dos\nstart=2048, size=131072\n' | sfdisk -q "$1"; ` + fill
	tables := []span{{0, 34 * sector}, {80<<20 - 33*sector, 80 << 20}}
	fields := []span{{sector + 24, sector + 88}, {2 * sector, 2*sector + 128}}

	return []hostileDisk{
		{name: "GPT", script: gpt, parts: tables},
		{name: "GPT, checksums valid", script: gpt, parts: fields, repair: sumGPT},
		{name: "MBR", script: mbr, parts: []span{{446, 510}}},
		{name: "ext4", script: ext4, parts: []span{{1024, 2048}, {4096, 8192}}},
		{name: "ext4, no checksums", script: `truncate -s 64M "$1"; mkfs.ext4 -q -O ^metadata_csum -d "$2" "$1"`, parts: []span{{1024, 1288}}},
		{name: "xfs", script: `truncate -s 320M "$1"; mkfs.xfs -q -f "$1"`, parts: []span{{0, 4 * sector}}},
	}
}

// sector is the size of the sectors of the partition tables here, in bytes.
const sector = 512

// sumGPT writes the checksums of a primary GPT of 128 entries: the header's at 16, the entries' at 88 (UEFI 2.10, 5.3.2).
func sumGPT(f *os.File) error {
	entries := make([]byte, 128*128)
	header := make([]byte, 92)
	_, err := f.ReadAt(entries, 2*sector)

	_, err2 := f.ReadAt(header, sector)
	if err := errors.Join(err, err2); err != nil {
		return err
	}

	binary.LittleEndian.PutUint32(header[88:], crc32.ChecksumIEEE(entries))
	clear(header[16:20])
	binary.LittleEndian.PutUint32(header[16:], crc32.ChecksumIEEE(header))
	_, err = f.WriteAt(header, sector)
	return err
}

// pullTables damages partition tables and superblocks at random and offers the disk as a base. The program takes it or
// refuses it with status 4, does not panic or hang, and keeps nothing of a disk that it refused.
func pullTables(ctx context.Context, l lab, c *count) error {
	if _, err := l.makeDisk(ctx, "true"); err != nil {
		return err
	}

	for _, kind := range hostileDisks() {
		disk := l.file("damaged.raw")
		if out, err := exec.CommandContext(ctx, "sh", "-ec", kind.script, "sh", disk, l.file("tree")).CombinedOutput(); err != nil {
			return fmt.Errorf("make %s: %w: %s", kind.name, err, out)
		}

		before := c.landed

		for range damages {
			refused, wrongs, err := l.pullDamaged(ctx, kind, disk)
			if err != nil {
				return err
			}
			for i := range wrongs {
				wrongs[i] = kind.name + ": " + wrongs[i]
			}
			c.judge(refused, wrongs)
		}

		c.note("%s: %d of %d refused", kind.name, c.landed-before, damages)
	}

	return nil
}

// pullDamaged offers one damaged disk, and repairs it.
func (l lab) pullDamaged(ctx context.Context, kind hostileDisk, disk string) (refused bool, wrongs []string, err error) {
	undo, err := kind.damage(disk)
	if err != nil {
		return false, nil, err
	}
	defer func() { err = errors.Join(err, undo()) }()

	done, err := l.run(ctx, "base", "pull", "--name", baseName, disk)
	if err != nil {
		return false, nil, err
	}
	wrongs = refusal(done)

	if done.code == 0 {
		if _, err := l.must(ctx, "base", "remove", baseName); err != nil {
			wrongs = append(wrongs, err.Error())
		}
	}

	if left := l.processes(); left != "" {
		wrongs = append(wrongs, "10 s after the end there still runs "+left)
	}

	return done.code == 4, append(wrongs, l.remains(0)...), nil
}

// damage overwrites 1 to 8 fields in each part with random or extreme values. undo writes the parts as they were.
func (d hostileDisk) damage(path string) (undo func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	var whole [][]byte
	undo = func() error {
		var err error
		for i, content := range whole {
			_, failed := f.WriteAt(content, d.parts[i].from)
			err = errors.Join(err, failed)
		}
		return errors.Join(err, f.Close())
	}

	for _, part := range d.parts {
		content := make([]byte, part.to-part.from)
		if _, err := f.ReadAt(content, part.from); err != nil {
			return nil, errors.Join(err, undo())
		}
		whole = append(whole, append([]byte(nil), content...))

		for range 1 + rand.IntN(8) {
			scramble(content)
		}

		if _, err := f.WriteAt(content, part.from); err != nil {
			return nil, errors.Join(err, undo())
		}
	}

	if d.repair != nil {
		if err := d.repair(f); err != nil {
			return nil, errors.Join(err, undo())
		}
	}

	return undo, nil
}

// scramble overwrites one aligned field of 1, 2, 4 or 8 bytes.
func scramble(content []byte) {
	size := 1 << rand.IntN(4)
	at := rand.IntN(len(content)/size) * size
	extremes := []uint64{0, 1, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1<<32 - 1, rand.Uint64(), rand.Uint64()}
	var field [8]byte
	binary.LittleEndian.PutUint64(field[:], extremes[rand.IntN(len(extremes))])
	copy(content[at:at+size], field[:])
}
