package sandboxtest

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"image-builder/internal/blockserver"
)

// Reader is a disk whose boot sector reads a sector of each of the blocks that follow the first one, and then shows a login
// prompt: a machine that boots in a moment and reads the same at each boot. It is for BIOS.
func Reader(tb testing.TB, blocks int) string {
	tb.Helper()
	const (
		base   = 0x7c00
		packet = 0x40 // where the BIOS's disk address packet is
		text   = 0x60
	)

	code := []byte{
		0x31, 0xc0, // xor ax, ax
		0x8e, 0xd8, // mov ds, ax
		0xb9, byte(blocks), 0x00, // mov cx, blocks
		0x51,                    // next: push cx
		0xbe, packet, base >> 8, // mov si, packet
		0xb4, 0x42, // mov ah, 0x42
		0xcd, 0x13, // int 0x13
		0x81, 0x06, packet + 8, base >> 8, 0x00, 0x04, // add word [packet+8], 1024
		0x59,       // pop cx
		0xe2, 0xef, // loop next
		0xfa,                  // cli: on a timer's interrupt, SeaBIOS writes the end of its own last line
		0xfc,                  // cld
		0xbe, text, base >> 8, // mov si, text
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xac,       // letter: lodsb
		0x84, 0xc0, // test al, al
		0x74, 0x03, // jz end
		0xee,       // out dx, al
		0xeb, 0xf8, // jmp letter
		0xf4, 0xeb, 0xfd, // end: hlt, for ever
	}

	sector := make([]byte, 512)
	copy(sector, code)
	copy(sector[packet:], []byte{16, 0, 1, 0, 0x00, 0x06, 0, 0}) // one sector, to 0000:0600
	binary.LittleEndian.PutUint64(sector[packet+8:], 1024)       // sectors in a block
	copy(sector[text:], "\r\n[    0.000000] Linux version 6\r\ntiny login: ")
	copy(sector[446:], []byte{0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0}) // a partition: block 1
	sector[510] = 0x55
	sector[511] = 0xaa

	path := filepath.Join(tb.TempDir(), "disk.raw")
	if err := os.WriteFile(path, append(sector, make([]byte, (blocks+1)*blockserver.BlockSize)...), 0o400); err != nil {
		tb.Fatal(err)
	}
	return path
}
