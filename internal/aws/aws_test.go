package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// TestMain gives every test the same AWS: a real S3 server and the two JSON services, all on loopback.
func TestMain(m *testing.M) {
	store := s3mem.New()
	s3 := httptest.NewServer(gofakes3.New(store).Server())

	services := httptest.NewServer(http.HandlerFunc(serve))
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": s3.URL, "AWS_ENDPOINT_URL_SSM": services.URL, "AWS_ENDPOINT_URL_SECRETS_MANAGER": services.URL,
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "token",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		os.Setenv(name, value)
	}

	if err := store.CreateBucket("bucket"); err != nil {
		panic(err)
	}

	code := m.Run()
	s3.Close()
	services.Close()
	os.Exit(code)
}

// serve answers SSM and Secrets Manager, as strictly as they do: signed requests, known operations, known names.
func serve(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name, Path, SecretID, NextToken string
		WithDecryption, Recursive       bool
	}
	fault := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"no"}`, code)
	}

	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") {
		fault("UnrecognizedClientException")
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fault("SerializationException")
		return
	}

	operation := r.Header.Get("X-Amz-Target")
	switch {
	case operation == "AmazonSSM.GetParameter" && in.Name == "/a/key" && in.WithDecryption:
		fmt.Fprint(w, `{"Parameter":{"Name":"/a/key","Type":"SecureString","Value":"sesame"}}`)
	case operation == "AmazonSSM.GetParameter" && in.Name == "/denied":
		fault("AccessDeniedException")
	case operation == "AmazonSSM.GetParameter":
		fault("ParameterNotFound")

	case operation == "AmazonSSM.GetParametersByPath" && in.Recursive && in.WithDecryption && in.NextToken == "":
		fmt.Fprintf(w, `{"Parameters":[{"Name":"%s/one","Value":"1"}],"NextToken":"more"}`, in.Path)
	case operation == "AmazonSSM.GetParametersByPath":
		fmt.Fprintf(w, `{"Parameters":[{"Name":"%s/deep/two","Value":"2"}]}`, in.Path)
	case operation == "secretsmanager.GetSecretValue" && in.SecretID == "text":
		fmt.Fprint(w, `{"SecretString":"sesame"}`)

	case operation == "secretsmanager.GetSecretValue" && in.SecretID == "binary":
		fmt.Fprint(w, `{"SecretBinary":"AAEC"}`)
	default:
		fault("ResourceNotFoundException")
	}
}

func TestObjectsComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	store := &S3{Session: &Session{}}

	large := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	for _, test := range []struct {
		name, key string
		body      io.Reader
		want      []byte
	}{
		{"seekable", "round/a b+c/ü.txt", strings.NewReader("hello"), []byte("hello")},
		{"a stream", "round/stream", io.MultiReader(strings.NewReader("hel"), strings.NewReader("lo")), []byte("hello")},
		{"empty", "round/empty", strings.NewReader(""), []byte{}},
		{"in parts", "round/large", bytes.NewReader(large), large},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := store.Put(t.Context(), "bucket", test.key, "123456789012", test.body); err != nil {
				t.Fatal(err)
			}
			body, err := store.Get(t.Context(), "bucket", test.key, "123456789012")
			if err != nil {
				t.Fatal(err)
			}

			got, err := io.ReadAll(body)
			if err := errors.Join(err, body.Close()); err != nil || !bytes.Equal(got, test.want) {
				t.Errorf("got %d bytes, %v; want %d", len(got), err, len(test.want))
			}
		})
	}
}

func TestListStopsAtItsLimit(t *testing.T) {
	t.Parallel()
	store := &S3{Session: &Session{}}

	var want []string
	for i := range 1005 {
		key := fmt.Sprintf("many/%04d", i)
		want = append(want, key)
		if err := store.Put(t.Context(), "bucket", key, "", strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
	}

	for _, limit := range []int{1, 1001, 2000} {
		got, err := store.List(t.Context(), "bucket", "many/", "", limit)
		if diff := cmp.Diff(want[:min(limit, len(want))], got); err != nil || diff != "" {
			t.Errorf("limit %d: %v\n%s", limit, err, diff)
		}
	}
}

func TestMissingObjects(t *testing.T) {
	t.Parallel()
	store := &S3{Session: &Session{}}
	_, err := store.Get(t.Context(), "bucket", "no/such", "")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "get s3://bucket/no/such") {
		t.Errorf("key: %v", err)
	}
	_, err = store.Get(t.Context(), "no-such-bucket", "key", "")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "--bucket NAME=DIR") {
		t.Errorf("bucket: %v", err)
	}
}

// TestBucketElsewhere uses a server that only answers requests signed for the bucket's own region.
func TestBucketElsewhere(t *testing.T) {
	var regions []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		region := strings.Split(r.Header.Get("Authorization"), "/")[2]
		regions = append(regions, region)
		w.Header().Set("X-Amz-Bucket-Region", "ap-south-1")
		if region != "ap-south-1" {
			w.WriteHeader(http.StatusMovedPermanently)
			fmt.Fprint(w, "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>")
			return
		}
		fmt.Fprint(w, "content")
	}))
	defer server.Close()

	t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
	store := &S3{Session: &Session{}}
	for range 2 {
		body, err := store.Get(t.Context(), "bucket", "key", "")
		if err != nil {
			t.Fatal(err)
		}
		body.Close()
	}

	if diff := cmp.Diff([]string{"eu-west-1", "ap-south-1", "ap-south-1"}, regions); diff != "" {
		t.Error(diff)
	}
}

// TestBrokenConnections uses one server that breaks every response after some bytes, and one that never sends any.
func TestBrokenConnections(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	stuck := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := 0

		if given := r.Header.Get("Range"); given != "" {
			if _, err := fmt.Sscanf(given, "bytes=%d-", &from); err != nil || r.Header.Get("If-Match") != `"tag"` {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
		}

		w.Header().Set("ETag", `"tag"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(content)-from))

		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}

		if !stuck {
			fmt.Fprint(w, content[from:min(from+300_000, len(content))])
		}
	}))
	defer server.Close()

	t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)

	for _, stuck = range []bool{false, true} {
		body, err := (&S3{Session: &Session{}}).Get(t.Context(), "bucket", "key", "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if !stuck && (err != nil || string(got) != content) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		if stuck && (err == nil || len(got) > 0) {
			t.Errorf("got %d bytes, %v from a server that sends none", len(got), err)
		}

		body.Close()
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	parameters := &Parameters{Session: &Session{}}
	if got, err := parameters.Parameter(t.Context(), "/a/key"); err != nil || got != "sesame" {
		t.Errorf("got %q, %v", got, err)
	}
	got, err := parameters.Under(t.Context(), "/app")
	if diff := cmp.Diff(map[string]string{"/app/one": "1", "/app/deep/two": "2"}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}

	for name, want := range map[string]string{"/none": "check its name and the region", "/denied": "allow the action in the IAM policy"} {
		if _, err := parameters.Parameter(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", name, err, want)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	secrets := &Secrets{Session: &Session{}}
	for name, want := range map[string]string{"text": "sesame", "binary": "\x00\x01\x02"} {
		if got, err := secrets.Secret(t.Context(), name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if _, err := secrets.Secret(t.Context(), "none"); err == nil || !strings.Contains(err.Error(), "get secret none") {
		t.Errorf("error is %v", err)
	}
}

func TestWithoutRegionOrCredentials(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")

	_, err := (&Parameters{Session: &Session{}}).Parameter(t.Context(), "/a")
	if err == nil || !strings.Contains(err.Error(), "set AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
	_, err = (&S3{Session: &Session{}}).Get(t.Context(), "bucket", "key", "")
	if err == nil || !strings.Contains(err.Error(), "set AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	t.Run("configured", func(t *testing.T) {
		t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
		got, err := (&Credentials{}).Environment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=key", "AWS_SESSION_TOKEN=token", "AWS_ENDPOINT_URL=http://127.0.0.1:1"} {
			if !slices.Contains(got, want) {
				t.Errorf("%q lacks %s", got, want)
			}
		}
	})

	t.Run("a profile of the shared files", func(t *testing.T) {
		file := t.TempDir() + "/credentials"
		if err := os.WriteFile(file, []byte("[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "")
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
		t.Setenv("AWS_PROFILE", "work")

		got, err := (&Credentials{}).Environment(t.Context())
		if err != nil || !slices.Contains(got, "AWS_ACCESS_KEY_ID=AKIDWORK") {
			t.Errorf("got %q, %v", got, err)
		}
	})
}
