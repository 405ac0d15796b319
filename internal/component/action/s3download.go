package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"image-builder/internal/component"
)

// mostObjects is the limit on objects in one prefix download.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-action-modules.html#action-modules-s3download
const mostObjects = 1000

// s3Download downloads an object, or everything under a prefix that ends in "/*", keeping its structure.
func s3Download(objects Objects) component.Module {
	return module{
		component.Schema{
			Action: "S3Download", Platforms: anywhere, List: true,
			Fields: []component.Field{
				needURL("source", objectURL, "s3://"), need("destination", nil),
				text("expectedBucketOwner", account), flag("overwrite", true),
			},
			Check: documented,
		},
		each(func(ctx context.Context, call *component.Call, in component.Inputs) error {
			bucket, key, err := parseObjectURL(in.Text("source"))
			if err != nil {
				return err
			}
			d := download{objects, call, in, bucket}

			if prefix, ok := strings.CutSuffix(key, "*"); ok {
				return d.prefix(ctx, prefix)
			}
			to := in.Text("destination")
			if isFolder(to) {
				to += path.Base(key)
			}

			return d.object(ctx, key, absolute(call, to))
		}),
	}
}

// documented warns of uses that AWS's page does not describe: it describes one object with a file name as its
// destination, and a prefix that ends in "/*".
func documented(in component.Inputs) error {
	source := in.Text("source")
	to := in.Text("destination")
	literal := withoutReferences(source)

	star := strings.IndexByte(literal, '*')
	switch {
	case star >= 0 && (!strings.HasSuffix(literal, "/*") || star != len(literal)-1):
		return component.Fault{
			Field: "source", Warning: true, Message: `"*" stands elsewhere than in a last "/*": what the service does with that is not documented`,
			Right: `end a prefix in "/*", or name one object`,
		}
	case star < 0 && isFolder(to) && !strings.HasSuffix(source, "}}"):
		return component.Fault{
			Field: "destination", Warning: true, Message: "the source is one object and the destination a folder: what the service does with that is not documented",
			Right: "end the destination in a file name",
		}
	}

	return nil
}

// withoutReferences removes the parts that are known only when the step runs.
func withoutReferences(text string) string {
	for {
		before, rest, found := strings.Cut(text, "{{")
		_, after, closed := strings.Cut(rest, "}}")
		if !found || !closed {
			return text
		}
		text = before + "x" + after
	}
}

// download is one element of S3Download's inputs.
type download struct {
	objects Objects
	call    *component.Call
	in      component.Inputs
	bucket  string
}

func (d download) prefix(ctx context.Context, prefix string) error {
	keys, err := d.objects.List(ctx, d.bucket, prefix, d.in.Text("expectedBucketOwner"), mostObjects+1)
	if err != nil {
		return err
	}

	switch {
	case len(keys) == 0:
		return fmt.Errorf("download s3://%s/%s*: there is no such object: %w", d.bucket, prefix, fs.ErrNotExist)
	case len(keys) > mostObjects:
		return fmt.Errorf("download s3://%s/%s*: it has more than %d objects, the limit of S3Download: name a longer prefix", d.bucket, prefix, mostObjects)
	}

	under := prefix[:strings.LastIndexByte(prefix, '/')+1]
	for _, key := range keys {
		if err := d.under(ctx, key, strings.TrimPrefix(key, under)); err != nil {
			return err
		}
	}

	return nil
}

// under downloads key to its place below the destination folder, given by its name.
func (d download) under(ctx context.Context, key, name string) error {
	folder := absolute(d.call, d.in.Text("destination"))
	if name == "" || strings.HasSuffix(key, "/") { // consoles make such objects to show a folder
		return os.MkdirAll(filepath.Join(folder, filepath.FromSlash(name)), 0o777)
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("download s3://%s/%s: its key leads out of the destination folder", d.bucket, key)
	}
	return d.object(ctx, key, filepath.Join(folder, filepath.FromSlash(name)))
}

func (d download) object(ctx context.Context, key, to string) (err error) {
	if !d.in.Bool("overwrite") && exists(to) {
		return errors.New(`S3Download: File already exists and "overwrite" property for "destination" file is set to false. Cannot download.`) //nolint:staticcheck // the service's words, which scripts look for
	}
	body, err := d.objects.Get(ctx, d.bucket, key, d.in.Text("expectedBucketOwner"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()

	if err := land(ctx, to, copying(body)); err != nil {
		return fmt.Errorf("download s3://%s/%s: %w", d.bucket, key, err)
	}
	d.call.Log("S3Download: Downloaded s3://%s/%s to %s", d.bucket, key, to)
	return nil
}
