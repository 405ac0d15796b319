package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"image-builder/internal/component"
)

// appendFile adds text to an existing file.
func appendFile() component.Module {
	return module{
		component.Schema{
			Action: "AppendFile", Platforms: anywhere, List: true,
			Fields: []component.Field{need("path", nil), text("content", nil), encodingField()},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			content, err := encode(in.Text("content"), in.Text("encoding"))
			if err != nil {
				return err
			}
			return writeFile(absolute(call, in.Text("path")), os.O_APPEND, content)
		}),
	}
}

// createFile writes a file, replacing an existing one.
func createFile() component.Module {
	return module{
		component.Schema{
			Action: "CreateFile", Platforms: anywhere, List: true,
			Fields: []component.Field{
				need("path", nil), text("content", nil), encodingField(), text("owner", nil), text("group", nil),
				permissionsField(false), flag("overwrite", true),
			},
		},
		each(func(_ context.Context, call *component.Call, in component.Inputs) error {
			path := absolute(call, in.Text("path"))
			content, err := encode(in.Text("content"), in.Text("encoding"))
			if err != nil {
				return err
			}
			if !in.Bool("overwrite") && exists(path) {
				return fmt.Errorf("create file: %s exists and overwrite is false", path)
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				return fmt.Errorf("make folder: %w", err)
			}

			if err := private(path, in); err != nil {
				return err
			}
			return errors.Join(writeFile(path, os.O_CREATE|os.O_TRUNC, content), created(path, in))
		}),
	}
}

// private makes a new file that only its owner can read, before any content is in it, when the document asks for
// permissions of its own.
func private(path string, in component.Inputs) error {
	if in.Text("permissions") == "" || exists(path) {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	return file.Close()
}

// writeFile opens a file with flags and writes to it.
func writeFile(path string, flags int, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|flags, 0o666)
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// readFile puts a file's text into its output.
func readFile() component.Module {
	return module{
		component.Schema{
			Action: "ReadFile", Platforms: anywhere, List: true,
			Fields:  []component.Field{need("path", nil), encodingField(), flag("printFileContent", false)},
			Outputs: []string{"content"},
		},
		func(_ context.Context, call *component.Call) (component.Outputs, error) {
			var contents []string
			for i, in := range call.Inputs {
				content, err := readText(absolute(call, in.Text("path")), in.Text("encoding"))
				if err != nil {
					return nil, element(call, i, err)
				}
				if in.Bool("printFileContent") {
					_, _ = fmt.Fprintln(call.Stdout, content)
				}
				contents = append(contents, content)
			}

			return component.Outputs{"content": strings.Join(contents, "\n")}, nil
		},
	}
}

// readText reads a text file of at most captured bytes, the limit of outputs.
func readText(path, encoding string) (string, error) {
	if err := wantFile(path); err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > captured || !info.Mode().IsRegular() {
		return "", fmt.Errorf("read file: %s is not a text file of at most %d bytes, the limit of an output", path, captured)
	}

	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read file: %w", err)
	}

	return decode(raw, encoding)
}

// setFileEncoding converts a file from UTF-8.
func setFileEncoding() component.Module {
	return module{
		component.Schema{
			Action: "SetFileEncoding", Platforms: anywhere, List: true,
			Fields: []component.Field{need("path", nil), encodingField()},
		},
		each(func(ctx context.Context, call *component.Call, in component.Inputs) error {
			path := absolute(call, in.Text("path"))
			raw, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("read file: %w", err)
			}
			text, err := decode(raw, "utf-8")
			if err != nil {
				return err
			}

			encoded, err := encode(text, in.Text("encoding"))
			if err != nil {
				return err
			}

			return land(ctx, path, copying(strings.NewReader(string(encoded))))
		}),
	}
}

// listFiles lists the files of a folder, as comma-separated paths in lexical order.
func listFiles() component.Module {
	return module{
		component.Schema{
			Action: "ListFiles", Platforms: anywhere, List: true,
			Fields:  []component.Field{need("path", nil), text("fileNamePattern", nil), flag("recursive", false)},
			Outputs: []string{"files"},
		},
		func(_ context.Context, call *component.Call) (component.Outputs, error) {
			var files []string
			for i, in := range call.Inputs {
				found, err := list(absolute(call, in.Text("path")), in.Text("fileNamePattern"), in.Bool("recursive"))
				if err != nil {
					return nil, element(call, i, err)
				}
				files = append(files, found...)
			}
			return component.Outputs{"files": strings.Join(files, ",")}, nil
		},
	}
}

func list(folder, pattern string, recursive bool) (files []string, err error) {
	if err := wantFolder(folder); err != nil {
		return nil, err
	}

	if pattern == "" {
		pattern = "*"
	}

	err = below(folder, func(path string, entry fs.DirEntry) error {
		switch {
		case entry.IsDir() && !recursive:
			return fs.SkipDir
		case !entry.IsDir() && wildcard(pattern, entry.Name()):
			files = append(files, path)
		}
		return nil
	})

	return files, err
}
