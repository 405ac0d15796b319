package aws

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
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
	for _, key := range append(keys, "c/other") {
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
	if diff := cmp.Diff([]string{"a/1", "b/2", "c/other"}, left); diff != "" || err != nil {
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

// TestWithdrawAsksAgain uses a server that removes the bucket and then breaks the connection before it answers.
func TestWithdrawAsksAgain(t *testing.T) {
	store := s3mem.New()
	if err := store.CreateBucket("fresh"); err != nil {
		t.Fatal(err)
	}
	s3 := gofakes3.New(store).Server()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete && asked.Add(1) == 1 {
			s3.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		s3.ServeHTTP(w, r)
	}))

	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)

	if err := (&S3{Session: &Session{}}).Withdraw(t.Context(), "fresh", "", nil); err != nil {
		t.Error(err)
	}
	if there, err := store.BucketExists("fresh"); there || err != nil || asked.Load() != 2 {
		t.Errorf("the bucket is there: %t, %v; it was removed %d times, want 2", there, err, asked.Load())
	}
}
