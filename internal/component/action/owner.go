package action

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"image-builder/internal/component"
)

// keep, as a user or group ID, leaves the ID unchanged: chown(2).
const keep = -1

// ids finds an element's user and group, by name or ID. Without a group it is the user's own.
func ids(owner, group string) (uid, gid int, err error) {
	uid = keep
	gid = keep

	if owner != "" {
		uid, gid, err = userIDs(owner)
		if err != nil {
			return keep, keep, err
		}
	}

	if group == "" {
		return uid, gid, nil
	}
	found, err := user.LookupGroup(group)
	if err != nil {
		if gid, numeric := strconv.Atoi(group); numeric == nil {
			return uid, gid, nil
		}
		return keep, keep, fmt.Errorf("find group %s in /etc/group: not found: create it in an earlier step", group)
	}

	gid, err = strconv.Atoi(found.Gid)
	return uid, gid, err
}

func userIDs(name string) (uid, gid int, err error) {
	found, err := user.Lookup(name)
	if err != nil {
		found, err = user.LookupId(name)
	}

	if err != nil {
		if uid, numeric := strconv.Atoi(name); numeric == nil {
			return uid, keep, nil // chown(1) also takes an ID that has no name
		}
		return keep, keep, fmt.Errorf("find user %s in /etc/passwd: not found: create it in an earlier step", name)
	}

	uid, err = strconv.Atoi(found.Uid)
	if err != nil {
		return keep, keep, err
	}

	gid, err = strconv.Atoi(found.Gid)
	return uid, gid, err
}

func setFileOwner() component.Module {
	return module{
		component.Schema{
			Action: "SetFileOwner", Platforms: onUnix, List: true,
			Fields: []component.Field{need("path", nil), need("owner", nil), text("group", nil)},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			return setOwner(call, in, wantFile, false)
		}),
	}
}

func setFolderOwner() component.Module {
	return module{
		component.Schema{
			Action: "SetFolderOwner", Platforms: onUnix, List: true,
			Fields: []component.Field{need("path", nil), need("owner", nil), text("group", nil), flag("recursive", true)},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			return setOwner(call, in, wantFolder, in.Bool("recursive"))
		}),
	}
}

// setOwner follows a symbolic link at path to its target; of links further down it changes the link itself.
func setOwner(call *component.Call, in component.Inputs, want func(string) error, recursive bool) error {
	path := absolute(call, in.Text("path"))
	if err := want(path); err != nil {
		return err
	}
	uid, gid, err := ids(in.Text("owner"), in.Text("group"))
	if err != nil {
		return err
	}
	if err := os.Chown(path, uid, gid); err != nil || !recursive {
		return err
	}

	return below(path, func(path string, _ fs.DirEntry) error { return os.Lchown(path, uid, gid) })
}

// below calls do for everything in a folder, not for the folder itself.
func below(folder string, do func(path string, entry fs.DirEntry) error) error {
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		return do(path, entry)
	})
}

// wantFile requires a file at path, possibly behind a symbolic link.
func wantFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("find file: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("find file: %s is a folder", path)
	}
	return nil
}

// wantFolder requires a folder at path, possibly behind a symbolic link.
func wantFolder(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("find folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("find folder: %s is not a folder", path)
	}
	return nil
}
