package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"

	"image-builder/internal/fault"
	"image-builder/internal/stack"
)

// Bucket is the bucket for objects that CloudFormation and Image Builder read.
type Bucket struct {
	Name  string
	Owner string // the account that must own it
	Make  bool   // create it if it does not exist
}

// Upload is an object that CloudFormation or the stack's instances will read.
type Upload struct {
	Key  string // derived from the content: an object with this key is not sent again
	Body []byte
}

// templateUpload is the template as an object: it is too large for a request.
func templateUpload(text []byte) Upload {
	return Upload{Key: stack.ObjectKey(sha256.Sum256(text), "aws-stack.yml"), Body: text}
}

// sent lists what was uploaded, so that it can be removed again.
type sent struct {
	made bool // the bucket
	keys []string
}

// open finds the bucket, or creates it.
func (d *Deploy) open(ctx context.Context, b Bucket) (made bool, err error) {
	err = d.Buckets.CheckBucket(ctx, b.Name, b.Owner)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return false, fault.New(fault.NotUsable,
			fmt.Errorf("use bucket %s: it belongs to another account than %s, or these credentials may not use it", b.Name, b.Owner),
			"name a bucket of this account with --upload-bucket")

	case errors.Is(err, fs.ErrNotExist) && b.Make:
		return true, d.Buckets.CreateBucket(ctx, b.Name)
	case errors.Is(err, fs.ErrNotExist):
		return false, fault.New(fault.NotUsable,
			fmt.Errorf("use bucket %s: not found", b.Name),
			"leave --upload-bucket out: a bucket is then made")
	}

	return false, err
}

// upload sends the objects that the bucket lacks.
func (d *Deploy) upload(ctx context.Context, b Bucket, uploads []Upload, done *sent) error {
	for _, u := range uploads {
		there, err := d.Buckets.Has(ctx, b.Name, u.Key, b.Owner)
		if err != nil {
			return err
		}
		if there {
			continue
		}
		done.keys = append(done.keys, u.Key)
		if err := d.Buckets.Put(ctx, b.Name, u.Key, b.Owner, bytes.NewReader(u.Body)); err != nil {
			return err
		}
	}

	return nil
}

// withdraw removes a bucket that this run created, with its objects. Objects in an existing bucket stay: their names
// depend on their content only, so another stack may use them by now.
func (d *Deploy) withdraw(ctx context.Context, b Bucket, done sent) error {
	if !done.made {
		return nil
	}
	return d.Buckets.Withdraw(ctx, b.Name, b.Owner, done.keys)
}
