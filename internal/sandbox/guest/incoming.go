//go:build linux

package guest

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// incoming is an archive that arrives in pieces and is unpacked meanwhile.
type incoming struct {
	pieces *io.PipeWriter
	done   chan error
}

// put takes a piece of a share.
func (s *server) put(m message) {
	in := s.files[m.ID]
	if in == nil {
		in = receive(m)
		s.files[m.ID] = in
	}

	_, writeErr := in.pieces.Write(m.Data) // fails when the unpacking did, which says why
	if m.More && writeErr == nil {
		return
	}

	if m.More { // the rest is not looked at
		return
	}
	_ = in.pieces.Close()
	delete(s.files, m.ID)
	s.finish(m.ID, <-in.done)
}

func receive(m message) *incoming {
	r, w := io.Pipe()
	in := &incoming{pieces: w, done: make(chan error, 1)}
	go func() {
		err := place(m, r)
		_ = r.CloseWithError(err)
		in.done <- err
	}()
	return in
}

// place puts a share where the machine sees it: a directory as memory of its own, a file as a mount of a file in memory.
func place(m message, archive io.Reader) error {
	memory := m.Path
	if m.File {
		memory = m.Path + ".d"
	}

	if err := os.MkdirAll(memory, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", memory, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount memory on %s: %w", memory, err)
	}
	if m.File {
		return placeFile(m, memory, archive)
	}

	root, err := os.OpenRoot(memory)
	if err != nil {
		return err
	}
	err = errors.Join(unpack(root, archive), root.Close())
	if err == nil && m.ReadOnly {
		err = unix.Mount("", memory, "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
	}

	return err
}

func placeFile(m message, memory string, archive io.Reader) error {
	entries := tar.NewReader(archive)
	header, err := entries.Next()
	if err != nil {
		return err
	}
	content := filepath.Join(memory, "file")
	file, err := os.OpenFile(content, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}

	_, err = io.Copy(file, entries)
	err = errors.Join(err, file.Chmod(header.FileInfo().Mode().Perm()), file.Close())
	if err == nil {
		_, err = io.Copy(io.Discard, archive)
	}

	if err != nil {
		return err
	}
	return bindFile(content, m.Path, m.ReadOnly)
}

// bindFile shows a file at another path.
func bindFile(source, target string, readOnly bool) error {
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount on %s: %w", target, err)
	}

	if !readOnly {
		return nil
	}
	return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
}

// get sends the tree at a path.
func (s *server) get(m message) error {
	return pack(m.Path, sender{func(piece []byte) error {
		return s.line.send(message{Kind: data, ID: m.ID, Data: piece})
	}})
}
