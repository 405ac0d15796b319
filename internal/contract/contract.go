// Package contract holds what every answer to a port must do, for the ports that AWS and this machine both answer.
//
// The adapter of AWS runs a suite against the test server, which is as strict as AWS's models; the one of this machine
// runs it on real files and a real database. What only one side can do is tested beside that side. The package is for
// tests only and knows neither side.
package contract

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/fault"
)

// Objects checks an answer to action.Objects, which is also source.Store. open returns one with an empty bucket.
func Objects(t *testing.T, open func(t *testing.T) (objects action.Objects, bucket string)) {
	t.Helper()
	for name, check := range map[string]func(*testing.T, action.Objects, string){
		"what was put comes back":          comesBack,
		"keys are listed in S3's order":    listed,
		"what is missing does not exist":   missing,
		"a put that breaks leaves nothing": brokenPut,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects, bucket := open(t)
			check(t, objects, bucket)
		})
	}
}

func comesBack(t *testing.T, objects action.Objects, bucket string) {
	t.Helper()
	for _, key := range []string{"key", "deep/down/key", "with blank", "größe+1%2F&x=y", "a/.hidden"} {
		for _, text := range []string{"first", "", "\x00\xff\r\n", strings.Repeat("0123456789abcdef", 1<<16)} {
			put(t, objects, bucket, key, text)
			if got := get(t, objects, bucket, key); got != text {
				t.Errorf("%s: got %d bytes, want %d", key, len(got), len(text))
			}
		}
	}
}

func listed(t *testing.T, objects action.Objects, bucket string) {
	t.Helper()
	for _, key := range []string{"ab/3", "a/b/2", "a.txt", "c", "a/1", "A", "größe"} {
		put(t, objects, bucket, key, key)
	}

	for _, test := range []struct {
		prefix string
		limit  int
		want   []string
	}{
		{"", 10, []string{"A", "a.txt", "a/1", "a/b/2", "ab/3", "c", "größe"}},
		{"a", 10, []string{"a.txt", "a/1", "a/b/2", "ab/3"}},
		{"a/", 10, []string{"a/1", "a/b/2"}},
		{"a/b", 10, []string{"a/b/2"}},
		{"a/b/2", 10, []string{"a/b/2"}},
		{"", 2, []string{"A", "a.txt"}},
		{"none/", 10, nil},
	} {
		got, err := objects.List(t.Context(), bucket, test.prefix, "", test.limit)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("prefix %q, at most %d: %v\n%s", test.prefix, test.limit, err, cmp.Diff(test.want, got))
		}
	}
}

func missing(t *testing.T, objects action.Objects, bucket string) {
	t.Helper()
	put(t, objects, bucket, "folder/key", "x")

	for _, key := range []string{"none", "folder", "folder/", "folder/key/below"} {
		body, err := objects.Get(t.Context(), bucket, key, "")
		if err == nil {
			body.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), key) {
			t.Errorf("get %q: %v, want fs.ErrNotExist and the key", key, err)
		}
	}

	const other = "a-bucket-that-is-missing"
	_, getErr := objects.Get(t.Context(), other, "key", "")
	_, listErr := objects.List(t.Context(), other, "", "", 1)

	putErr := objects.Put(t.Context(), other, "key", "", strings.NewReader("x"))
	for what, err := range map[string]error{"get": getErr, "list": listErr, "put": putErr} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), other) {
			t.Errorf("%s in a missing bucket: %v, want fs.ErrNotExist and the bucket", what, err)
		}
	}
}

// errBroken is what a body ends with.
var errBroken = errors.New("the source broke off")

func brokenPut(t *testing.T, objects action.Objects, bucket string) {
	t.Helper()
	put(t, objects, bucket, "old", "whole")

	for _, key := range []string{"old", "new"} {
		body := io.MultiReader(strings.NewReader("half"), broken{})
		if err := objects.Put(t.Context(), bucket, key, "", body); err == nil || !strings.Contains(err.Error(), errBroken.Error()) {
			t.Errorf("put %s: %v, want that the source broke off", key, err)
		}
	}

	if got := get(t, objects, bucket, "old"); got != "whole" {
		t.Errorf("the old object is %q", got)
	}
	keys, err := objects.List(t.Context(), bucket, "", "", 10)
	if err != nil || !slices.Equal(keys, []string{"old"}) {
		t.Errorf("keys are %q, %v", keys, err)
	}
}

// broken is a reader that fails.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

func put(t *testing.T, objects action.Objects, bucket, key, text string) {
	t.Helper()
	if err := objects.Put(t.Context(), bucket, key, "", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, objects action.Objects, bucket, key string) string {
	t.Helper()
	body, err := objects.Get(t.Context(), bucket, key, "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Values checks an answer to component.Values, which is also base.Parameters. open returns one that has these values,
// by name.
func Values(t *testing.T, open func(t *testing.T, values map[string]string) component.Values) {
	t.Helper()
	want := map[string]string{
		"/buildkite/agent-ami": "img-3f0c9a54be6d71e08",
		"bare.name_1":          "one line",
		"/a/b/c":               "several\nlines, \"quotes\" and größe\n",
		"/long":                strings.Repeat("x", 4096),
	}

	values := open(t, want)
	for name, value := range want {
		if got, err := values.Parameter(t.Context(), name); err != nil || got != value {
			t.Errorf("%s: %q, %v; want %q", name, got, err, value)
		}
	}

	for _, name := range []string{"/none", "/buildkite", "/buildkite/agent-ami/below", "/Buildkite/agent-ami"} {
		_, err := values.Parameter(t.Context(), name)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) || fault.HintOf(err) == "" {
			t.Errorf("%s: %v, hint %q; want fs.ErrNotExist, the name and a hint", name, err, fault.HintOf(err))
		}
	}
}

// Parameters are kept by name.
type Parameters interface {
	component.Values
	// Put sets a parameter, or makes it.
	Put(ctx context.Context, name, value string) error
}

// WrittenParameters checks what keeps parameters by SSM's rules. open returns one that is empty.
func WrittenParameters(t *testing.T, open func(t *testing.T) Parameters) {
	t.Helper()
	parameters := open(t)
	for _, value := range []string{"first", "second", "second", strings.Repeat("x", 4096)} {
		if err := parameters.Put(t.Context(), "/out", value); err != nil {
			t.Fatal(err)
		}
		if got, err := parameters.Parameter(t.Context(), "/out"); err != nil || got != value {
			t.Errorf("got %q, %v; want %q", got, err, value)
		}
	}

	for why, refused := range map[string][2]string{
		"blanks":            {"/a b", "x"},
		"umlauts":           {"/größe", "x"},
		"levels without /":  {"a/b", "x"},
		"16 levels":         {strings.Repeat("/a", 16), "x"},
		"1012 characters":   {"/" + strings.Repeat("a", 1011), "x"},
		"reserved for AWS":  {"/aws/out", "x"},
		"reserved for SSM":  {"/ssm-out", "x"},
		"an empty value":    {"/out", ""},
		"4097 bytes":        {"/out", strings.Repeat("x", 4097)},
		"4097 bytes, UTF-8": {"/out", strings.Repeat("ö", 2048) + "x"},
	} {
		if err := parameters.Put(t.Context(), refused[0], refused[1]); err == nil {
			t.Errorf("%s: taken", why)
		}
	}

	if got, err := parameters.Parameter(t.Context(), "/out"); err != nil || got != strings.Repeat("x", 4096) {
		t.Errorf("after refusals: %d bytes, %v", len(got), err)
	}
}
