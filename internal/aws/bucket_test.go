package aws

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuckets(t *testing.T) {
	t.Parallel()
	store := &S3{Session: &Session{}}

	ctx := t.Context()
	if err := store.CheckBucket(ctx, "fresh", "123456789012"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before it is made: %v", err)
	}
	if err := store.CreateBucket(ctx, "fresh"); err != nil {
		t.Fatal(err)
	}

	keys := []string{"a/1", "b/2"}
	for _, key := range append(keys, "c/somebody's") {
		if there, err := store.Has(ctx, "fresh", key, ""); there || err != nil {
			t.Errorf("%s is there: %v, %v", key, there, err)
		}
		if err := store.Put(ctx, "fresh", key, "", strings.NewReader(key)); err != nil {
			t.Fatal(err)
		}
		if there, err := store.Has(ctx, "fresh", key, ""); !there || err != nil {
			t.Errorf("%s is there: %v, %v", key, there, err)
		}
	}

	if err := store.Withdraw(ctx, "fresh", "", keys); err != nil {
		t.Error(err)
	}
	left, err := store.List(ctx, "fresh", "", "", 9)
	if diff := cmp.Diff([]string{"a/1", "b/2", "c/somebody's"}, left); diff != "" || err != nil {
		t.Errorf("a bucket that others use: %v\n%s", err, diff)
	}
	if err := store.Withdraw(ctx, "fresh", "", left); err != nil {
		t.Error(err)
	}

	if err := store.CheckBucket(ctx, "fresh", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after it was removed: %v", err)
	}
}

func TestAddress(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1":  "https://s3.us-east-1.amazonaws.com/my.bucket/image-builder/1/aws-stack.yml",
		"cn-north-1": "https://s3.cn-north-1.amazonaws.com.cn/my.bucket/image-builder/1/aws-stack.yml",
	} {
		t.Setenv("AWS_REGION", region)
		got, err := (&S3{Session: &Session{}}).Address(t.Context(), "my.bucket", "image-builder/1/aws-stack.yml")
		if got != want || err != nil {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}
