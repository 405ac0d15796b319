package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"image-builder/internal/component"
)

// deleteFile deletes a file, or all that match "*" in a folder. A missing file is a success: the document's wish is
// fulfilled.
func deleteFile() component.Module {
	return module{
		component.Schema{
			Action: "DeleteFile", Platforms: anywhere, List: true,
			Fields: []component.Field{need("path", lastStar)},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			paths, err := matching(call, in.Text("path"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			deleted := 0
			for _, path := range paths {
				info, err := os.Lstat(path)
				if err != nil || (info.IsDir() && len(paths) > 1) {
					continue
				}
				if info.IsDir() {
					return fmt.Errorf("delete file: %s is a folder: use DeleteFolder", path)
				}
				if err := os.Remove(path); err != nil {
					return fmt.Errorf("delete file: %w", err)
				}
				deleted++
			}

			if deleted == 0 {
				call.Log("DeleteFile: there is no %s", in.Text("path"))
			}

			return nil
		}),
	}
}

// deleteFolder deletes a folder; with force also its contents.
func deleteFolder() component.Module {
	return module{
		component.Schema{
			Action: "DeleteFolder", Platforms: anywhere, List: true,
			Fields: []component.Field{need("path", nil), flag("force", false)},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			path := absolute(call, in.Text("path"))
			info, err := os.Lstat(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				call.Log("DeleteFolder: there is no %s", path)
				return nil
			case err != nil:
				return fmt.Errorf("delete folder: %w", err)
			case path == "/":
				return fmt.Errorf("delete folder: %s is the root of everything", path)
			case in.Bool("force"):
				return os.RemoveAll(path)
			case !info.IsDir():
				return fmt.Errorf("delete folder: %s is not a folder: use DeleteFile", path)
			}

			if err := os.Remove(path); err != nil {
				return fmt.Errorf("delete folder: %w: set force to delete what is in it", err)
			}
			return nil
		}),
	}
}
