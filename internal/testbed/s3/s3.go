// Package s3 is a test server's S3: gofakes3 behind the account's signature, with buckets that belong to other accounts. It
// adds only what gofakes3 lacks and never stores objects by itself.
package s3

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"image-builder/internal/testbed/wire"
)

// Service is gofakes3 behind the account's signature and the check of ExpectedBucketOwner.
type Service struct {
	server  *wire.Server
	store   gofakes3.Backend
	handler http.Handler

	mu     sync.Mutex
	owners map[string]string // of buckets that belong to another account
	keys   map[string]string // ARN of the KMS key of objects, by bucket/key
	homes  map[string]string // of buckets in another region
}

// New returns the service without a bucket.
func New(server *wire.Server) *Service {
	store := s3mem.New()
	return &Service{server: server, store: store, handler: gofakes3.New(store).Server(), owners: map[string]string{}, keys: map[string]string{}, homes: map[string]string{}}
}

// Put stores an object; it makes the bucket if necessary.
func (s *Service) Put(bucket, key string, body []byte) error {
	if err := s.CreateBucket(bucket, wire.Account); err != nil {
		return err
	}
	if _, err := s.store.PutObject(bucket, key, nil, bytes.NewReader(body), int64(len(body)), nil); err != nil {
		return fmt.Errorf("put s3://%s/%s: %w", bucket, key, err)
	}
	return nil
}

// CreateBucket makes a bucket of an account. An existing one keeps its owner.
func (s *Service) CreateBucket(bucket, account string) error {
	if there, err := s.store.BucketExists(bucket); err != nil || there {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if account != wire.Account {
		s.owners[bucket] = account
	}
	return s.store.CreateBucket(bucket)
}

// Encrypt says that an object is encrypted with a KMS key.
func (s *Service) Encrypt(bucket, key, arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[bucket+"/"+key] = arn
}

// Move says that a bucket is in another region.
func (s *Service) Move(bucket, region string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.homes[bucket] = region
}

// describe sets the headers that say where a bucket is and what an object is encrypted with.
func (s *Service) describe(header http.Header, bucket, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	header.Set("X-Amz-Bucket-Region", cmp.Or(s.homes[bucket], wire.Region))
	if arn := s.keys[bucket+"/"+key]; arn != "" {
		header.Set("X-Amz-Server-Side-Encryption", "aws:kms")
		header.Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", arn)
	}
}

// Get returns an object.
func (s *Service) Get(bucket, key string) ([]byte, error) {
	object, err := s.store.GetObject(bucket, key, nil)
	if err != nil {
		return nil, fmt.Errorf("get s3://%s/%s: %w", bucket, key, err)
	}
	defer object.Contents.Close()
	return io.ReadAll(object.Contents)
}

// Keys returns the keys of a bucket in order.
func (s *Service) Keys(bucket string) ([]string, error) {
	listed, err := s.store.ListBucket(bucket, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil {
		return nil, fmt.Errorf("list s3://%s: %w", bucket, err)
	}
	var keys []string
	for _, object := range listed.Contents {
		keys = append(keys, object.Key)
	}
	return keys, nil
}

// ServeHTTP answers in S3's protocol, addressed by path.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	operation := s3Operation(r, key)

	if why := wire.Unauthorized(r, "s3", nil); why != "" {
		refuse(w, r, wire.Denial("s3", why))
		return
	}
	planned, due := s.server.Due("s3", operation)
	switch {
	case due && planned.Late:
		s.handler.ServeHTTP(httptest.NewRecorder(), r)
		wire.Reset(w)
	case due && planned.Cut:
		wire.Reset(w)

	case due:
		refuse(w, r, planned)
	case operation == "CreateBucket" && s.taken(bucket) != nil:
		refuse(w, r, *s.taken(bucket))
	case operation == "CreateBucket" && !here(r):
		refuse(w, r, wire.Fault{Code: "IllegalLocationConstraintException", Message: "The location constraint is incompatible for the region specific endpoint this request was sent to.", Status: http.StatusBadRequest})

	case s.foreign(bucket, r.Header.Get("X-Amz-Expected-Bucket-Owner")):
		refuse(w, r, wire.Fault{Code: "AccessDenied", Message: "Access Denied", Status: http.StatusForbidden})
	default:
		s.server.Count("s3", operation)
		s.describe(w.Header(), bucket, key)
		s.handler.ServeHTTP(w, r)
	}
}

// foreign reports whether the bucket belongs to another account, or not to the owner that the caller expects.
func (s *Service) foreign(bucket, expected string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, other := s.owners[bucket]
	if !other {
		owner = wire.Account
	}
	return other || (expected != "" && expected != owner)
}

// taken says why a bucket's name is not available.
func (s *Service) taken(bucket string) *wire.Fault {
	there, err := s.store.BucketExists(bucket)
	switch {
	case err != nil || !there:
		return nil
	case s.foreign(bucket, ""):
		return &wire.Fault{Code: "BucketAlreadyExists", Message: "The requested bucket name is not available.", Status: http.StatusConflict}
	}
	return &wire.Fault{Code: "BucketAlreadyOwnedByYou", Message: "Your previous request to create the named bucket succeeded and you already own it.", Status: http.StatusConflict}
}

// here reports whether a new bucket is requested for this region; the request can be read again.
func here(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var asked struct{ LocationConstraint string }
	return xml.Unmarshal(body, &asked) == nil && asked.LocationConstraint == wire.Region
}

// s3Operation names the operation of a request, in the detail that faults and counts need.
func s3Operation(r *http.Request, key string) string {
	noun := map[bool]string{true: "Bucket", false: "Object"}[key == ""]
	switch {
	case key == "" && r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2":
		return "ListObjectsV2"
	case key == "" && r.Method == http.MethodPut && r.URL.RawQuery != "" && !r.URL.Query().Has("x-id"):
		return "PutBucket" // one of its many settings
	case key == "" && r.Method == http.MethodPut:
		return "CreateBucket"
	}
	return map[string]string{"HEAD": "Head", "GET": "Get", "PUT": "Put", "DELETE": "Delete", "POST": "Post"}[r.Method] + noun
}

func refuse(w http.ResponseWriter, r *http.Request, f wire.Fault) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(max(f.Status, http.StatusBadRequest))
	if r.Method == http.MethodHead {
		return
	}
	text, _ := xml.Marshal(struct { // texts are always XML
		XMLName       xml.Name `xml:"Error"`
		Code, Message string
	}{Code: f.Code, Message: f.Message})
	_, _ = w.Write(text) // the client may have gone
}
