package blockserver

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// noise is a disk's content that has no two equal blocks.
func noise(size int) []byte {
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(content) // it never fails
	return content
}

// QEMU's own client reads the disk, whatever its size.
func TestQEMUReadsTheDisk(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip(err)
	}

	for name, storage := range map[string]Storage{"warm": {}, "slow": {Delay: time.Millisecond, AtOnce: 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := noise(3*BlockSize + 512)
			server := New(bytes.NewReader(content), int64(len(content)), storage)
			defer server.Close()
			stream, err := server.Connect()
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()

			out := filepath.Join(t.TempDir(), "out.raw")
			convert := exec.CommandContext(t.Context(), program, "convert", "--image-opts", "driver=raw,file.driver=nbd,file.server.type=fd,file.server.str=3", "-O", "raw", out)
			convert.ExtraFiles = []*os.File{stream}
			if text, err := convert.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, which differ: %v", len(got), err)
			}

			read := make([]bool, 4)
			for _, one := range server.Reads() {
				for block := one.Offset / BlockSize; block*BlockSize < one.Offset+one.Length; block++ {
					read[block] = true
				}
				if storage.Delay == 0 && one.Waited > 0 {
					t.Errorf("%+v waited", one)
				}
			}
			if slices.Contains(read, false) {
				t.Errorf("blocks recorded: %v", read)
			}
		})
	}
}

// client is the machine's end after the handshake.
func client(t *testing.T, server *Server) net.Conn {
	t.Helper()
	file, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.FileConn(file)
	_ = file.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })

	hello := make([]byte, 18)
	go func() {
		_, _ = conn.Write([]byte("\x00\x00\x00\x03IHAVEOPT\x00\x00\x00\x07\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00"))
	}()
	answer := make([]byte, 18+20+12+20+14+20) // greeting, size, sizes of requests, agreement
	if _, err := io.ReadFull(conn, answer); err != nil || !bytes.HasPrefix(answer, []byte("NBDMAGICIHAVEOPT")) {
		t.Fatalf("handshake %q: %v", answer[:len(hello)], err)
	}
	return conn
}

// ask sends a request and returns the code of its answer.
func ask(t *testing.T, conn net.Conn, kind byte, offset, length uint32) uint32 {
	t.Helper()
	request := []byte{0x25, 0x60, 0x95, 0x13, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0}
	request = append(request, byte(offset>>24), byte(offset>>16), byte(offset>>8), byte(offset), byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 16)
	if _, err := io.ReadFull(conn, head); err != nil || !bytes.HasPrefix(head, []byte{0x67, 0x44, 0x66, 0x98}) || head[15] != 9 {
		t.Fatalf("answer %x: %v", head, err)
	}
	code := uint32(head[7])
	if code == 0 {
		if _, err := io.ReadFull(conn, make([]byte, length)); err != nil {
			t.Fatal(err)
		}
	}
	return code
}

// What a machine must not do is refused, and the disk still answers.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const size = 5 * BlockSize // more than one read may ask for
	server := New(bytes.NewReader(noise(size)), size, Storage{})
	defer server.Close()
	conn := client(t, server)
	for name, test := range map[string]struct {
		kind           byte
		offset, length uint32
		want           uint32
	}{
		"trim":                 {4, 0, 512, errPermission},
		"flush":                {3, 0, 0, errPermission},
		"beyond the end":       {cmdRead, size - 511, 512, errInvalid},
		"far beyond the end":   {cmdRead, 1 << 31, 512, errInvalid},
		"more than is allowed": {cmdRead, 0, mostRead + 1, errInvalid},
		"to the end":           {cmdRead, size - 512, 512, 0},
	} {
		if got := ask(t, conn, test.kind, test.offset, test.length); got != test.want {
			t.Errorf("%s: code %d, want %d", name, got, test.want)
		}
	}
	if reads := server.Reads(); len(reads) != 1 || reads[0].Offset != size-512 || reads[0].Length != 512 {
		t.Errorf("recorded %+v", reads)
	}
}

// A block is slow once, and a new machine finds it slow again.
func TestFirstTouchIsSlow(t *testing.T) {
	t.Parallel()
	const delay = 20 * time.Millisecond
	server := New(bytes.NewReader(noise(4*BlockSize)), 4*BlockSize, Storage{Delay: delay, AtOnce: 1})
	defer server.Close()
	for range 2 {
		conn := client(t, server)
		for _, offset := range []uint32{0, 4096, BlockSize - 512, BlockSize} {
			ask(t, conn, cmdRead, offset, 1024)
		}
		reads := server.Reads()
		if len(reads) != 4 {
			t.Fatalf("recorded %+v", reads)
		}
		if reads[0].Waited < delay || reads[1].Waited != 0 || reads[2].Waited < delay || reads[3].Waited != 0 {
			t.Errorf("waited %+v", reads)
		}
	}
}

// Close ends machines that wait for a block that takes long.
func TestCloseEndsWaits(t *testing.T) {
	t.Parallel()
	server := New(bytes.NewReader(noise(BlockSize)), BlockSize, Storage{Delay: time.Hour, AtOnce: 1})
	conn := client(t, server)
	if _, err := conn.Write([]byte("\x25\x60\x95\x13\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00")); err != nil {
		t.Fatal(err)
	}
	for len(server.Reads()) == 0 {
		ctx := t.Context()
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
	}
	server.Close()
}

func TestStorageNamed(t *testing.T) {
	t.Parallel()
	slow, err := StorageNamed("5MiB/s")
	if err != nil || slow.Delay != 100*time.Millisecond {
		t.Errorf("%+v, %v", slow, err)
	}
	if _, err := StorageNamed("6MiB/s"); err == nil || !strings.Contains(err.Error(), "5MiB/s, 300MiB/s") {
		t.Errorf("%v, want the names", err)
	}
}
