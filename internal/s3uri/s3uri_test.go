package s3uri_test

import (
	"testing"

	"image-builder/internal/s3uri"
)

func TestSplitAndJoin(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		bucket, key string
		ok          bool
	}{
		"s3://bucket/a/b.yml": {"bucket", "a/b.yml", true},
		"s3://bucket":         {"bucket", "", true},
		"s3:///key":           {"", "key", true},
		"s3:bucket/key":       {},
		"./s3/key":            {},
		"https://bucket/key":  {},
	} {
		bucket, key, ok := s3uri.Split(text)
		if bucket != want.bucket || key != want.key || ok != want.ok || s3uri.Is(text) != want.ok {
			t.Errorf("%s is %q, %q, %t", text, bucket, key, ok)
		}
		if ok && s3uri.Join(bucket, key) != text {
			t.Errorf("%s is joined to %s", text, s3uri.Join(bucket, key))
		}
	}
}
