package disk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// ExportQCOW2 writes the raw disk src to dst, which must not exist, as a qcow2 file without its holes. moved, which
// may be nil, hears the bytes read and to read, holes included. On an error nothing is left at dst.
func ExportQCOW2(ctx context.Context, dst, src string, moved func(done, total int64)) (err error) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		return &Missing{Program: "qemu-img", Package: "qemu-utils"}
	}
	in, size, err := open(src, os.O_RDONLY)
	if err != nil {
		return fmt.Errorf("export disk: %w", err)
	}
	defer in.Close() // qemu-img opens it by itself

	file, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("export disk: %w", full(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(dst))
		}
	}()

	if err := file.Close(); err != nil {
		return fmt.Errorf("export disk: %w", err)
	}
	return convert(ctx, dst, src, func(share float64) {
		if moved != nil {
			moved(int64(share*float64(size)), size)
		}
	})
}

// convert runs qemu-img, which tells the share of the work that it has done.
func convert(ctx context.Context, dst, src string, done func(share float64)) error {
	// The names of files could be taken for protocols ("nbd:…"): file: says what they are.
	cmd := exec.CommandContext(ctx, "qemu-img", "convert", "-p", "-f", "raw", "-O", "qcow2", "file:"+src, "file:"+dst)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	defer tie(cmd)()

	said := new(bytes.Buffer)
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("export disk: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start qemu-img: %w", err)
	}

	readPercent(out, done)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("run qemu-img: %w: %s", errors.Join(context.Cause(ctx), err), strings.TrimSpace(said.String()))
	}

	return nil
}

// readPercent reads what qemu-img -p prints: "(12.34/100%)", each over the last.
func readPercent(out io.Reader, done func(share float64)) {
	reader := bufio.NewReader(out)
	for {
		text, err := reader.ReadString('\r')
		percent := 0.0
		if n, _ := fmt.Sscanf(strings.TrimSpace(text), "(%f/100%%)", &percent); n == 1 {
			done(percent / 100)
		}
		if err != nil {
			return
		}
	}
}
