package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"image-builder/internal/source"
)

// uploadTime bounds the upload of a log folder.
const uploadTime = 5 * time.Minute

// upload puts the files of the log folder into the bucket, under the folder's name.
func (c *ComponentRunCmd) upload(ctx context.Context, objects source.Objects, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("upload logs: %w", err)
	}

	for _, entry := range entries {
		key := path.Join(c.LogS3KeyPrefix, filepath.Base(dir), entry.Name())
		if err := c.uploadFile(ctx, objects, filepath.Join(dir, entry.Name()), key); err != nil {
			return fmt.Errorf("upload logs: %w", err)
		}
	}

	return nil
}

func (c *ComponentRunCmd) uploadFile(ctx context.Context, objects source.Objects, name, key string) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return objects.Put(ctx, c.LogS3BucketName, key, c.LogS3BucketOwner, file)
}
