package action

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"image-builder/internal/component"
)

// permissionsField is the input for octal digits as written: 0755 and 755 are the same.
func permissionsField(required bool) component.Field {
	return component.Field{Name: "permissions", Required: required, Check: func(text string) error {
		_, err := octal(text)
		return err
	}}
}

// octal reads permissions, the set-ID and sticky bits included: chmod(1).
func octal(text string) (fs.FileMode, error) {
	bits, err := strconv.ParseUint(text, 8, 32)
	if err != nil || bits > 0o7777 || len(text) > 5 {
		return 0, component.Fault{Message: fmt.Sprintf("%q is not a file mode", text), Right: "write octal digits, such as 0755"}
	}
	mode := fs.FileMode(bits & 0o777)
	for bit, flag := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if bits&bit != 0 {
			mode |= flag
		}
	}

	return mode, nil
}

// created sets owner and permissions of a file or folder that CreateFile or CreateFolder made or found. As the
// modules' page says, the umask applies; without permissions in the document, an existing one keeps its own.
func created(path string, in component.Inputs) error {
	if text := in.Text("permissions"); text != "" {
		mode, err := octal(text)
		if err != nil {
			return err
		}
		if err := os.Chmod(path, mode&^umask()); err != nil {
			return err
		}
	}

	uid, gid, err := ids(in.Text("owner"), in.Text("group"))
	if err != nil || (uid == keep && gid == keep) {
		return err
	}

	return os.Chown(path, uid, gid)
}

// umask reads the process's file mode creation mask without changing it: proc_pid_status(5).
func umask() fs.FileMode {
	const usual = 0o022
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return usual
	}
	_, rest, _ := bytes.Cut(status, []byte("\nUmask:\t"))
	digits, _, _ := bytes.Cut(rest, []byte("\n"))
	mask, err := strconv.ParseUint(string(digits), 8, 32)
	if err != nil {
		return usual
	}

	return fs.FileMode(mask)
}

func setFilePermissions() component.Module {
	return module{
		component.Schema{
			Action: "SetFilePermissions", Platforms: onUnix, List: true,
			Fields: []component.Field{need("path", nil), permissionsField(true)},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			return setPermissions(call, in, wantFile, false)
		}),
	}
}

func setFolderPermissions() component.Module {
	return module{
		component.Schema{
			Action: "SetFolderPermissions", Platforms: onUnix, List: true,
			Fields: []component.Field{need("path", nil), permissionsField(true), flag("recursive", true)},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			return setPermissions(call, in, wantFolder, in.Bool("recursive"))
		}),
	}
}

// setPermissions sets exactly these mode bits, as chmod does; it skips symbolic links below path.
func setPermissions(call *component.Call, in component.Inputs, want func(string) error, recursive bool) error {
	path := absolute(call, in.Text("path"))
	if err := want(path); err != nil {
		return err
	}
	mode, err := octal(in.Text("permissions"))
	if err != nil {
		return err
	}

	if recursive {
		err = below(path, func(path string, entry fs.DirEntry) error {
			if entry.Type()&fs.ModeSymlink != 0 {
				return nil
			}
			return os.Chmod(path, mode)
		})
	}

	return errors.Join(err, os.Chmod(path, mode)) // last, so that 0600 does not lock us out of the folder
}
