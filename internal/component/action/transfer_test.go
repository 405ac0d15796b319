package action

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"image-builder/internal/aws"
	"image-builder/internal/component"
	"image-builder/internal/mountns/mountnstest"
)

// TestMain gives the tests mounts of their own and points the SDK at an S3 server on loopback. Each test has a bucket of its own.
func TestMain(m *testing.M) {
	if root := os.Getenv("TEST_CHROOT"); root != "" {
		if err := insideDebian(root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}

	mountnstest.Enter()

	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithAutoBucket(true)).Server())
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		os.Setenv(name, value)
	}

	code := m.Run()
	server.Close()
	os.Exit(code)
}

// newBucket makes a bucket whose objects contain their own keys.
func newBucket(t *testing.T, keys ...string) (Objects, string) {
	t.Helper()
	objects := &aws.S3{Session: &aws.Session{}}
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-", ",", "").Replace(t.Name()))
	name = name[max(0, len(name)-60):]
	for _, key := range keys {
		if err := objects.Put(t.Context(), name, key, "", strings.NewReader(key)); err != nil {
			t.Fatal(err)
		}
	}
	return objects, name
}

func TestS3Download(t *testing.T) {
	t.Parallel()
	type in = component.Inputs

	keys := []string{"file", "p/a", "p/b/c", "p/b/", "pp", "up/../../../escape"}
	for _, test := range []struct {
		name          string
		in            in
		before, after tree
		err           string
	}{
		{name: "object", in: in{"source": "file", "destination": "new/dir/name"}, after: tree{"new/dir/name": "file"}},
		{name: "object into a folder", in: in{"source": "p/b/c", "destination": "d/"}, after: tree{"d/c": "p/b/c"}},
		{name: "object over a file", in: in{"source": "file", "destination": "a"}, before: tree{"a": "old"}, after: tree{"a": "file"}},
		{name: "object through a link", in: in{"source": "file", "destination": "l"}, before: tree{"a": "old", "l": "-> a"}, after: tree{"a": "file", "l": "-> a"}},
		{name: "object not over", in: in{"source": "file", "destination": "a", "overwrite": false}, before: tree{"a": "old"}, after: tree{"a": "old"}, err: `S3Download: File already exists and "overwrite" property for "destination" file is set to false. Cannot download.`},
		{name: "object over a folder", in: in{"source": "file", "destination": "a"}, before: tree{"a/": ""}, after: tree{"a/": ""}, err: "is a folder"},
		{name: "missing object", in: in{"source": "none", "destination": "a"}, after: tree{}, err: "there is no such object"},
		{name: "prefix", in: in{"source": "p/*", "destination": "d"}, after: tree{"d/a": "p/a", "d/b/c": "p/b/c"}},
		{name: "prefix without its separator", in: in{"source": "p*", "destination": "d/"}, after: tree{"d/p/a": "p/a", "d/p/b/c": "p/b/c", "d/pp": "pp"}},
		{name: "empty prefix", in: in{"source": "none/*", "destination": "d"}, after: tree{}, err: "there is no such object"},
		{name: "a key that leads out", in: in{"source": "up/*", "destination": "d"}, after: tree{}, err: "leads out of the destination"},
		{name: "bucket owner", in: in{"source": "file", "destination": "a", "expectedBucketOwner": "123456789012"}, after: tree{"a": "file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			objects, bucket := newBucket(t, keys...)
			m := s3Download(objects)
			test.in["source"] = "s3://" + bucket + "/" + test.in.Text("source")
			call, _ := newCall(t, m, test.in)
			test.before.write(t, call.Dir)

			_, err := m.Run(t.Context(), call)
			if (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error is %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.after, read(t, call.Dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestS3DownloadRefusesTooMany(t *testing.T) {
	t.Parallel()
	var keys []string
	for i := range mostObjects + 1 {
		keys = append(keys, fmt.Sprint("k/", i))
	}

	objects, bucket := newBucket(t, keys...)
	m := s3Download(objects)
	call, _ := newCall(t, m, component.Inputs{"source": "s3://" + bucket + "/*", "destination": "d"})
	if _, err := m.Run(t.Context(), call); err == nil || !strings.Contains(err.Error(), "more than 1000 objects") {
		t.Errorf("error is %v", err)
	}
	if diff := cmp.Diff(tree{}, read(t, call.Dir)); diff != "" {
		t.Error(diff)
	}
}

func TestS3Upload(t *testing.T) {
	t.Parallel()
	type in = component.Inputs

	before := tree{"a.txt": "a.txt", "d/b.txt": "d/b.txt", "d/c": "d/c", "d/e/f": "d/e/f"}
	for _, test := range []struct {
		name string
		in   in
		want []string
		err  string
	}{
		{name: "file to a key", in: in{"source": "a.txt", "destination": "x/y"}, want: []string{"x/y"}},
		{name: "file to a prefix", in: in{"source": "a.txt", "destination": "x/"}, want: []string{"x/a.txt"}},
		{name: "pattern", in: in{"source": "d/*", "destination": "x/"}, want: []string{"x/b.txt", "x/c"}},
		{name: "pattern with folders", in: in{"source": "d/*", "destination": "x/", "recurse": true}, want: []string{"x/b.txt", "x/c", "x/e/f"}},
		{name: "folder", in: in{"source": "d/", "destination": "x/", "recurse": true}, want: []string{"x/b.txt", "x/c", "x/e/f"}},
		{name: "missing", in: in{"source": "none", "destination": "x"}, err: "find source"},
		{name: "no match", in: in{"source": "d/*.zip", "destination": "x/"}, err: "no file matches"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			objects, bucket := newBucket(t, "first")
			m := s3Upload(objects)
			test.in["destination"] = "s3://" + bucket + "/" + test.in.Text("destination")
			call, _ := newCall(t, m, test.in)
			before.write(t, call.Dir)

			_, err := m.Run(t.Context(), call)
			if (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error is %v, want %q", err, test.err)
			}
			got, err := objects.List(t.Context(), bucket, "x", "", 100)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// web is a server whose misbehaviour depends on the path.
type web struct{ requests atomic.Int32 }

func (s *web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.requests.Add(1)

	switch r.URL.Path {
	case "/file.txt":
		fmt.Fprint(w, "content")
	case "/redirect":
		http.Redirect(w, r, "/file.txt", http.StatusFound)
	case "/loop":
		http.Redirect(w, r, "/loop", http.StatusFound)

	case "/third.txt":
		if n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "content")

	case "/torn.txt":
		w.Header().Set("Content-Length", "1000")
		if n > 1 {
			w.Header().Set("Content-Length", "7")
		}
		fmt.Fprint(w, "content")

	case "/partial":
		w.WriteHeader(http.StatusPartialContent)
	case "/busy":
		w.WriteHeader(http.StatusBadGateway)
	default:
		http.NotFound(w, r)
	}
}

func TestWebDownload(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("content"))
	checksum := hex.EncodeToString(sum[:])
	type in = component.Inputs

	for _, test := range []struct {
		name          string
		in            in
		before, after tree
		requests      int32
		err           string
	}{
		{name: "to a file", in: in{"source": "/file.txt", "destination": "x/y"}, after: tree{"x/y": "content"}, requests: 1},
		{name: "to a folder", in: in{"source": "/file.txt?q=/z", "destination": "x/"}, after: tree{"x/file.txt": "content"}, requests: 1},
		{name: "redirect", in: in{"source": "/redirect", "destination": "a"}, after: tree{"a": "content"}, requests: 2},
		{name: "the third attempt", in: in{"source": "/third.txt", "destination": "a"}, after: tree{"a": "content"}, requests: 3},
		{name: "a torn connection", in: in{"source": "/torn.txt", "destination": "a"}, after: tree{"a": "content"}, requests: 2},
		{name: "five attempts at most", in: in{"source": "/busy", "destination": "a"}, after: tree{}, requests: 5, err: "the server answers 502 Bad Gateway"},
		{name: "not found", in: in{"source": "/none", "destination": "a"}, after: tree{}, requests: 1, err: "the server answers 404 Not Found"},
		{name: "only 200 is good", in: in{"source": "/partial", "destination": "a"}, after: tree{}, requests: 1, err: "the server answers 206"},
		{name: "checksum", in: in{"source": "/file.txt", "destination": "a", "checksum": strings.ToUpper(checksum), "algorithm": "sha256"}, after: tree{"a": "content"}, requests: 1},
		{name: "wrong checksum", in: in{"source": "/file.txt", "destination": "a", "checksum": strings.Repeat("0", 64), "algorithm": "SHA256"}, before: tree{"a": "old"}, after: tree{"a": "old"}, requests: 1, err: "the checksum does not match"},
		{name: "checksum without algorithm", in: in{"source": "/file.txt", "destination": "a", "checksum": "0"}, after: tree{"a": "content"}, requests: 1},
		{name: "not over", in: in{"source": "/file.txt", "destination": "a", "overwrite": false}, before: tree{"a": "old"}, after: tree{"a": "old"}, err: "overwrite is false"},
		{name: "over", in: in{"source": "/file.txt", "destination": "a"}, before: tree{"a": "old"}, after: tree{"a": "content"}, requests: 1},
		{name: "over the same", in: in{"source": "/file.txt", "destination": "a", "checksum": checksum, "algorithm": "SHA256"}, before: tree{"a": "content"}, after: tree{"a": "content"}},
		{name: "over another", in: in{"source": "/file.txt", "destination": "a", "checksum": checksum, "algorithm": "SHA256"}, before: tree{"a": "old"}, after: tree{"a": "content"}, requests: 1},
		{name: "a URL without file name", in: in{"source": "/", "destination": "x/"}, after: tree{}, err: "the URL has no file name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			site := &web{}
			server := httptest.NewServer(site)
			defer server.Close()

			var waited []time.Duration
			m := webDownload(func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil })
			test.in["source"] = server.URL + test.in.Text("source")
			call, _ := newCall(t, m, test.in)
			test.before.write(t, call.Dir)

			out, err := m.Run(t.Context(), call)
			if (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error is %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.after, read(t, call.Dir)); diff != "" {
				t.Error(diff)
			}
			if got := site.requests.Load(); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}

			if test.name == "five attempts at most" {
				if diff := cmp.Diff([]time.Duration{1e9, 2e9, 4e9, 8e9}, waited); diff != "" {
					t.Error(diff)
				}
			}

			if err == nil && !strings.HasPrefix(out["destination"], call.Dir) {
				t.Errorf("output is %q", out)
			}
		})
	}
}

func TestWebDownloadFollowsNoCircle(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&web{})
	defer server.Close()
	m := webDownload(func(context.Context, time.Duration) error { return nil })
	call, _ := newCall(t, m, component.Inputs{"source": server.URL + "/loop", "destination": "a"})
	if _, err := m.Run(t.Context(), call); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("error is %v", err)
	}
}

func TestWebDownloadCertificates(t *testing.T) {
	t.Parallel()
	site := &web{}
	server := httptest.NewUnstartedServer(site)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the test expects the refused handshake
	server.StartTLS()
	defer server.Close()

	m := webDownload(func(context.Context, time.Duration) error { return errors.New("it waits") })
	for _, ignore := range []bool{false, true} {
		call, _ := newCall(t, m, component.Inputs{"source": server.URL + "/file.txt", "destination": "a", "ignoreCertificateErrors": ignore})
		_, err := m.Run(t.Context(), call)
		if (ignore && err != nil) || (!ignore && (err == nil || !strings.Contains(err.Error(), "install ca-certificates"))) {
			t.Errorf("ignore %t: error is %v", ignore, err)
		}
	}
}

func TestWebDownloadIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.Repeat("x", 1<<20))
		cancel(why)
		<-r.Context().Done()
	}))
	defer server.Close()

	m := webDownload(nil)
	call, _ := newCall(t, m, component.Inputs{"source": server.URL, "destination": "a"})
	if _, err := m.Run(ctx, call); err == nil {
		t.Error("it succeeds")
	}
	if left, _ := filepath.Glob(call.Dir + "/.*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestLibrary(t *testing.T) {
	t.Parallel()
	objects, bucket := newBucket(t, "doc.yml")
	library := Library{Objects: objects}

	file := filepath.Join(t.TempDir(), "doc.yml")
	if err := os.WriteFile(file, []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}

	for location, want := range map[string]string{file: "here", "s3://" + bucket + "/doc.yml": "doc.yml"} {
		if got, err := library.Document(t.Context(), location, ""); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", location, got, err)
		}
	}

	for location, want := range map[string]string{
		"s3://" + bucket: "write s3://bucket/key", "arn:aws:imagebuilder:x": "save the document to a file",
		"/dev/zero": "more than 1048576 bytes", "/no/such": "no such file",
	} {
		if _, err := library.Document(t.Context(), location, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", location, err, want)
		}
	}
}
