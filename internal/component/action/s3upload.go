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

// s3Upload uploads a file, or the files that match "*"; with recurse, also the contents of matching folders.
func s3Upload(objects Objects) component.Module {
	return module{
		component.Schema{
			Action: "S3Upload", Platforms: anywhere, List: true,
			Fields: []component.Field{
				need("source", lastStar), needURL("destination", objectURL, "s3://"),
				flag("recurse", false), text("expectedBucketOwner", account),
			},
		},
		each(func(ctx context.Context, call *component.Call, in component.Inputs) error {
			bucket, key, err := parseObjectURL(in.Text("destination"))
			if err != nil {
				return err
			}
			u := upload{objects, call, in, bucket}
			files, err := u.files()
			if err != nil {
				return err
			}

			for name, path := range files.all {
				to := key
				if strings.HasSuffix(key, "/") || files.many {
					to = strings.TrimSuffix(key, "/") + "/" + name
				}
				if err := u.file(ctx, path, to); err != nil {
					return err
				}
			}

			return nil
		}),
	}
}

// upload is one element of S3Upload's inputs.
type upload struct {
	objects Objects
	call    *component.Call
	in      component.Inputs
	bucket  string
}

// sources lists the files to upload, by the name of each under the prefix.
type sources struct {
	all  map[string]string
	many bool
}

func (u upload) files() (sources, error) {
	source := u.in.Text("source")
	found := sources{map[string]string{}, strings.Contains(filepath.Base(source), "*")}

	if isFolder(source) {
		source, found.many = source+"*", true
	}

	paths, err := matching(u.call, source)
	if err != nil {
		return found, err
	}

	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return found, fmt.Errorf("find source: %w", err)
		}
		if !info.IsDir() {
			found.all[filepath.Base(path)] = path
		} else if err := found.folder(path, u.in.Bool("recurse")); err != nil {
			return found, err
		}
	}

	if len(found.all) == 0 {
		return found, fmt.Errorf("find source %s: no file matches: %w", u.in.Text("source"), fs.ErrNotExist)
	}
	return found, nil
}

// folder adds a folder's contents, if recurse is set.
func (s *sources) folder(dir string, recurse bool) error {
	if !recurse {
		return nil
	}
	s.many = true
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(filepath.Dir(dir), path)
		s.all[filepath.ToSlash(name)] = path
		return err
	})
}

func (u upload) file(ctx context.Context, path, key string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := u.objects.Put(ctx, u.bucket, key, u.in.Text("expectedBucketOwner"), file); err != nil {
		return err
	}
	u.call.Log("S3Upload: Uploaded %s to s3://%s/%s", path, u.bucket, key)
	return nil
}
