package guest

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"image-builder/internal/sandbox"
)

// maxReturned bounds what a guest may send back for one share, in bytes.
const maxReturned = 256 << 20

// Put copies a share into the guest, where a read-only one cannot be written.
func (s *Session) Put(ctx context.Context, share sandbox.Share) error {
	info, err := os.Stat(share.Source)
	if err != nil {
		return fmt.Errorf("share %s: %w", share.Source, err)
	}
	m := message{Kind: put, Path: share.Target, ReadOnly: share.ReadOnly, File: !info.IsDir(), More: true}
	if err := s.request(m); err != nil {
		return ErrGone
	}

	m.ID = s.last
	err = pack(share.Source, sender{func(piece []byte) error {
		m.Data = piece
		return s.line.send(m)
	}})

	m.More = false
	m.Data = nil

	if err == nil {
		err = s.line.send(m)
	}

	if err != nil {
		return fmt.Errorf("share %s: %w", share.Source, err)
	}

	answer, err := s.answer(ctx)
	if err == nil && answer.Text != "" {
		err = errors.New(answer.Text)
	}

	if err != nil {
		return fmt.Errorf("share %s: %w", share.Source, err)
	}
	return nil
}

// Get copies a share, a directory, back from the guest: what is here becomes what is there.
func (s *Session) Get(ctx context.Context, share sandbox.Share) error {
	if err := s.request(message{Kind: get, Path: share.Target}); err != nil {
		return ErrGone
	}
	received, pieces := io.Pipe()
	unpacked := make(chan error, 1)
	go func() {
		err := replace(share.Source, received)
		_ = received.CloseWithError(err) // a sender that waits goes on
		unpacked <- err
	}()

	err := s.receive(ctx, pieces)
	_ = pieces.CloseWithError(err)

	if unpackErr := <-unpacked; err == nil {
		err = unpackErr
	}

	if err != nil {
		return fmt.Errorf("fetch %s from machine: %w", share.Target, err)
	}
	return nil
}

func (s *Session) receive(ctx context.Context, to io.Writer) error {
	total := 0
	for {
		m, err := s.answer(ctx)
		if err != nil {
			return err
		}
		if m.Kind == done && m.Text != "" {
			return errors.New(m.Text)
		}
		if m.Kind == done {
			return nil
		}

		total += len(m.Data)
		if total > maxReturned {
			return fmt.Errorf("the machine sends more than %d MiB", maxReturned>>20)
		}
		if _, err := to.Write(m.Data); err != nil {
			return err
		}
	}
}

// sender cuts what is written to it into pieces.
type sender struct{ send func(piece []byte) error }

func (s sender) Write(p []byte) (int, error) {
	for at := 0; at < len(p); at += chunk {
		if err := s.send(p[at:min(at+chunk, len(p))]); err != nil {
			return at, err
		}
	}
	return len(p), nil
}

// pack writes a file, named ".", or the tree of a directory as a tar archive. Only files and directories go into it.
func pack(source string, to io.Writer) error {
	archive := tar.NewWriter(to)
	err := filepath.WalkDir(source, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || (!info.IsDir() && !info.Mode().IsRegular()) {
			return err
		}
		return packOne(archive, source, name, info)
	})

	return errors.Join(err, archive.Close())
}

func packOne(archive *tar.Writer, source, name string, info fs.FileInfo) error {
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(source, name)
	if err != nil {
		return err
	}

	header.Name = filepath.ToSlash(relative)
	header.Uname = ""
	header.Gname = ""
	if err := archive.WriteHeader(header); err != nil || info.IsDir() {
		return err
	}

	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read

	_, err = io.CopyN(archive, file, header.Size)
	return err
}

// replace empties a directory and fills it from an archive.
func replace(dir string, archive io.Reader) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // nothing is written through it itself

	for _, entry := range entries {
		if err := root.RemoveAll(entry.Name()); err != nil {
			return err
		}
	}

	return unpack(root, archive)
}

// unpack makes the files and directories of an archive beneath a root. Everything else in it is left out.
func unpack(root *os.Root, archive io.Reader) error {
	entries := tar.NewReader(archive)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			// the rest is padding; a writer that waits for a reader must get rid of it
			_, err = io.Copy(io.Discard, archive)
			return err
		}
		if err != nil {
			return err
		}

		if err := unpackOne(root, header, entries); err != nil {
			return err
		}
	}
}

func unpackOne(root *os.Root, header *tar.Header, content io.Reader) error {
	name := path.Clean(header.Name)
	mode := header.FileInfo().Mode().Perm()

	if header.Typeflag == tar.TypeDir {
		if name == "." {
			return nil
		}
		if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return root.Chmod(name, mode)
	}

	if header.Typeflag != tar.TypeReg {
		return nil
	}

	file, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)

	return errors.Join(err, file.Chmod(mode), file.Close())
}
