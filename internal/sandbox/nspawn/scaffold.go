package nspawn

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
)

// scaffold is what an image lacks that something must be mounted on: it stands while a command runs, and leaves no
// trace, not even a directory's time of change.
type scaffold struct {
	root   *os.Root
	disk   string // whose root it is, for errors
	pieces []piece
}

type piece struct {
	path   string
	inode  uint64
	before fs.FileInfo // of the directory it is in, before it was made
	after  time.Time   // when that directory changed by it
}

// mountPoints are what nspawn mounts on, and what it makes if an image lacks it.
func mountPoints() []string { return []string{"dev", "proc", "sys", "run", "tmp", "root", "var"} }

// raise refuses an image that nspawn cannot safely run and adds what it lacks. It tells where the machine's resolver
// can be mounted: the path in the image that /etc/resolv.conf leads to; empty if nowhere.
func raise(dir, path string) (*scaffold, string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, "", err
	}
	s := &scaffold{root: root, disk: path}
	err = s.mountable()
	if err != nil {
		return nil, "", errors.Join(err, s.strike())
	}

	resolver, err := s.resolver()
	if err != nil {
		return nil, "", errors.Join(err, s.strike())
	}

	return s, resolver, nil
}

func (s *scaffold) mountable() error {
	for _, name := range []string{"usr", "etc"} {
		if err := s.isDirectory(name); err != nil {
			return s.refusal(name, err)
		}
	}

	if err := s.hasShell(); err != nil {
		return err
	}

	for _, name := range mountPoints() {
		err := s.isDirectory(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = s.directory(name)
		}
		if err != nil {
			return s.refusal(name, err)
		}
	}

	return nil
}

// hasShell refuses an image without /bin/sh, which reads every command.
func (s *scaffold) hasShell() error {
	target, err := follow(s.root, "bin/sh")
	if err != nil {
		return s.refusal("bin/sh", err)
	}
	info, err := s.root.Lstat(target)
	if err != nil || !info.Mode().IsRegular() {
		return fault.New(fault.Done, &disk.Unusable{Path: s.disk, Reason: "it has no /bin/sh, which runs every command"}, "install a shell in it, or use another base")
	}
	return nil
}

// refusal says that the image is at fault, not this machine.
func (s *scaffold) refusal(name string, err error) error {
	if unusable := (*disk.Unusable)(nil); errors.As(err, &unusable) {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Done,
			&disk.Unusable{Path: s.disk, Reason: fmt.Sprintf("it has no /%s: it does not hold an operating system", name)},
			"use another base: image-builder base list shows what there is")
	}
	return err
}

// isDirectory: a symbolic link there could lead nspawn, which writes device nodes by path, out of the image.
func (s *scaffold) isDirectory(name string) error {
	info, err := s.root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fault.New(fault.Done,
			&disk.Unusable{Path: s.disk, Reason: fmt.Sprintf("its /%s is a %s: it must be a directory", name, kind(info.Mode()))},
			fmt.Sprintf("make /%s a directory in the base, or use another base", name))
	}
	return nil
}

func kind(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeSymlink:
		return "symbolic link"
	case 0:
		return "file"
	default:
		return "special file"
	}
}

// resolver makes sure that there is a file where /etc/resolv.conf leads, or that it leads into memory, and returns that
// place. nspawn must be told it, not the link: it would mount there before it mounts the memory over it.
func (s *scaffold) resolver() (string, error) {
	target, err := follow(s.root, "etc/resolv.conf")
	if err != nil {
		return "", nil //nolint:nilerr // a loop of links resolves nothing on the real machine either
	}
	if strings.HasPrefix(target, "run/") || strings.HasPrefix(target, "tmp/") {
		return target, nil
	}

	info, err := s.root.Lstat(target)
	switch {
	case err == nil && info.Mode().IsRegular():
		return target, nil
	case err == nil:
		return "", nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}

	return target, s.file(target)
}

// directory makes a directory and its parents.
func (s *scaffold) directory(name string) error {
	if name == "." {
		return nil
	}
	if info, err := s.root.Lstat(name); err == nil && info.IsDir() {
		return nil
	}
	if err := s.directory(path.Dir(name)); err != nil {
		return err
	}
	return s.make(name, func() error { return s.root.Mkdir(name, 0o755) })
}

// file makes an empty file and its parents.
func (s *scaffold) file(name string) error {
	if err := s.directory(path.Dir(name)); err != nil {
		return err
	}
	return s.make(name, func() error {
		f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		return f.Close()
	})
}

func (s *scaffold) make(name string, create func() error) error {
	before, err := s.root.Lstat(path.Dir(name))
	if err != nil {
		return err
	}
	if err := create(); err != nil {
		return err
	}

	info, err := s.root.Lstat(name)
	if err != nil {
		return err
	}
	after, err := s.root.Lstat(path.Dir(name))
	if err != nil {
		return err
	}

	s.pieces = append(s.pieces, piece{name, inode(info), before, after.ModTime()})
	return nil
}

func inode(info fs.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

// strike removes what was added and is still as it was. What the command put in its place, or into it, stays.
func (s *scaffold) strike() error {
	var errs []error
	for i := len(s.pieces) - 1; i >= 0; i-- {
		errs = append(errs, s.remove(s.pieces[i]))
	}
	s.pieces = nil
	return errors.Join(append(errs, s.root.Close())...)
}

func (s *scaffold) remove(p piece) error {
	info, err := s.root.Lstat(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if inode(info) != p.inode || (info.Mode().IsRegular() && info.Size() > 0) {
		return nil
	}

	parent := path.Dir(p.path)
	now, err := s.root.Lstat(parent)
	if err != nil {
		return err
	}
	err = s.root.Remove(p.path)
	if errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}

	if err != nil || !now.ModTime().Equal(p.after) {
		return err
	}
	return s.root.Chtimes(parent, accessed(p.before), p.before.ModTime())
}

func accessed(info fs.FileInfo) time.Time {
	stat := info.Sys().(*syscall.Stat_t)
	return time.Unix(stat.Atim.Unix())
}
