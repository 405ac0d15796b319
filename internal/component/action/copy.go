package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"image-builder/internal/component"
)

// transferSchema is the schema that copying and moving, of files and folders, share.
func transferSchema(action string, check func(component.Inputs) error) component.Schema {
	return component.Schema{
		Action: action, Platforms: anywhere, List: true,
		Fields: []component.Field{need("source", lastStar), need("destination", nil), flag("overwrite", true)},
		Check:  check,
	}
}

// patternToFile reports whether a source with "*" goes to a destination that is not written as a folder.
func patternToFile(in component.Inputs) bool {
	source := in.Text("source")
	to := in.Text("destination")
	_, name := split(source)
	return strings.Contains(name, "*") && !component.HasReference(source) && !component.HasReference(to) && !isFolder(to)
}

// oneFile warns where a pattern may match several files but the destination takes one. AWS's own example of MoveFile
// has such a destination, so it is not an error.
func oneFile(in component.Inputs) error {
	if !patternToFile(in) {
		return nil
	}
	return component.Fault{
		Field: "destination", Warning: true, Message: `a source with "*" may match several files, and the destination is one file`,
		Right: "end the destination in a separator to make it a folder",
	}
}

// folderOnly refuses a pattern of folders whose destination is not written as a folder.
func folderOnly(in component.Inputs) error {
	if !patternToFile(in) {
		return nil
	}
	return component.Fault{Field: "destination", Message: `a source with "*" needs a folder as its destination`, Right: "end it in a separator"}
}

func copyFile() component.Module {
	return module{transferSchema("CopyFile", oneFile), transfer(wantFile, copyOne)}
}

func copyFolder() component.Module {
	return module{transferSchema("CopyFolder", folderOnly), transfer(wantFolder, copyTree)}
}

// transfer makes the action that applies do to every matching source and its destination.
func transfer(want func(string) error, do func(ctx context.Context, from, to string) error) runFunc {
	return each(func(ctx context.Context, call *component.Call, in component.Inputs) error {
		source := strings.TrimRight(in.Text("source"), "/")
		paths, err := matching(call, source)
		if err != nil {
			return err
		}

		if strings.Contains(source, "*") {
			// A pattern skips matches of the wrong kind.
			paths = slices.DeleteFunc(paths, func(from string) bool { return want(from) != nil })
		}

		if to := in.Text("destination"); len(paths) > 1 && !isFolder(to) {
			return fmt.Errorf("write %s: %d sources match %s: end the destination in a separator to make it a folder", to, len(paths), source)
		}

		for _, from := range paths {
			if err := want(from); err != nil {
				return err
			}
			if err := bring(ctx, from, landing(call, in, from), in.Bool("overwrite"), do); err != nil {
				return err
			}
		}

		if len(paths) == 0 {
			return fmt.Errorf("find source %s: nothing matches: %w", source, fs.ErrNotExist)
		}
		return nil
	})
}

// landing returns the path for a source: in a destination that ends in a separator, the source keeps its name.
func landing(call *component.Call, in component.Inputs, from string) string {
	to := in.Text("destination")
	if isFolder(to) {
		to += filepath.Base(from)
	}
	return absolute(call, to)
}

func bring(ctx context.Context, from, to string, overwrite bool, do func(ctx context.Context, from, to string) error) error {
	if !overwrite && exists(to) {
		return fmt.Errorf("write %s: it exists and overwrite is false", to)
	}
	if within(from, to) {
		return fmt.Errorf("write %s: it lies in its source %s", to, from)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return do(ctx, from, to)
}

// within reports whether to is from or lies in it, after resolving links.
func within(from, to string) bool {
	if resolved, err := filepath.EvalSymlinks(from); err == nil {
		from = resolved
	}
	if resolved, err := filepath.EvalSymlinks(filepath.Dir(to)); err == nil {
		to = filepath.Join(resolved, filepath.Base(to))
	}
	name, err := filepath.Rel(from, to)
	return err == nil && filepath.IsLocal(name)
}

// copyOne copies the content and permissions of a file, through a symbolic link if it is one.
func copyOne(ctx context.Context, from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy file: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()

	info, err := source.Stat()
	if err != nil {
		return err
	}
	fresh := !exists(to)
	if err := land(ctx, to, copying(source)); err != nil || !fresh {
		return err
	}

	return os.Chmod(to, info.Mode().Perm())
}

// copyTree merges a folder into another: files in both are replaced, others stay.
func copyTree(ctx context.Context, from, to string) error {
	if err := copyDir(from, to); err != nil {
		return err
	}

	return below(from, func(path string, entry fs.DirEntry) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		name, err := filepath.Rel(resolved(from), path)
		if err != nil {
			return err
		}
		return copyEntry(ctx, entry, path, filepath.Join(to, name))
	})
}

// resolved is a path with its links followed.
func resolved(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

func copyEntry(ctx context.Context, entry fs.DirEntry, from, to string) error {
	switch {
	case entry.IsDir():
		return copyDir(from, to)
	case entry.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Symlink(target, to)

	case !entry.Type().IsRegular():
		return fmt.Errorf("copy folder: %s is a device, pipe or socket", from)
	}

	return copyOne(ctx, from, to)
}

// copyDir makes the folder to with the permissions of from, unless it exists.
func copyDir(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, info.Mode().Perm()|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("copy folder: %w", err)
	}
	return wantFolder(to)
}

func moveFile() component.Module {
	return module{transferSchema("MoveFile", oneFile), transfer(wantFile, move(copyOne))}
}

func moveFolder() component.Module {
	return module{transferSchema("MoveFolder", folderOnly), transfer(wantFolder, move(copyTree))}
}

// move renames if the filesystem can, else copies and deletes. It merges into an existing folder.
func move(copying func(ctx context.Context, from, to string) error) func(ctx context.Context, from, to string) error {
	return func(ctx context.Context, from, to string) error {
		err := os.Rename(from, to)
		if !errors.Is(err, syscall.EXDEV) && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) {
			return err
		}
		if err := copying(ctx, from, to); err != nil {
			return err
		}
		return os.RemoveAll(from)
	}
}
