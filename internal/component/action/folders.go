package action

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"image-builder/internal/component"
)

// createFolder makes a folder and its parents. An existing folder keeps its contents.
func createFolder() component.Module {
	return module{
		component.Schema{
			Action: "CreateFolder", Platforms: anywhere, List: true,
			Fields: []component.Field{
				need("path", nil), text("owner", nil), text("group", nil), permissionsField(false), flag("overwrite", true),
			},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			path := absolute(call, in.Text("path"))
			if !in.Bool("overwrite") && exists(path) {
				return fmt.Errorf("create folder: %s exists and overwrite is false", path)
			}
			if err := os.MkdirAll(path, 0o777); err != nil {
				return fmt.Errorf("create folder: %w", err)
			}
			return created(path, in)
		}),
	}
}

// createSymlink makes a symbolic link.
func createSymlink() component.Module {
	return module{
		component.Schema{
			Action: "CreateSymlink", Platforms: onUnix, List: true,
			Fields: []component.Field{need("path", nil), need("target", nil), flag("force", false)},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			path := absolute(call, in.Text("path"))
			target := absolute(call, in.Text("target"))
			if _, err := os.Stat(target); err != nil {
				return fmt.Errorf("find target: %w", err)
			}
			if err := makeRoom(path, in.Bool("force")); err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				return fmt.Errorf("make folder: %w", err)
			}

			return os.Symlink(target, path)
		}),
	}
}

// makeRoom removes a symbolic link at the path, if force is set; it removes nothing else.
func makeRoom(path string, force bool) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil // nothing is there; for any other problem, making the link reports it
	case info.Mode()&fs.ModeSymlink == 0:
		return fmt.Errorf("create link: %s exists and is not a symbolic link", path)
	case !force:
		return fmt.Errorf("create link: %s exists and force is false", path)
	}
	return os.Remove(path)
}
