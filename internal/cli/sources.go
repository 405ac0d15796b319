package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"image-builder/internal/aws"
	"image-builder/internal/local"
	"image-builder/internal/s3uri"
	"image-builder/internal/secret"
)

// most is how many objects a bucket of secrets may hold.
const most = 1000

// objectStore reads objects. Satisfied by *aws.S3 and local.Buckets.
type objectStore interface {
	Get(ctx context.Context, bucket, key, owner string) (io.ReadCloser, error)
	List(ctx context.Context, bucket, prefix, owner string, limit int) ([]string, error)
}

// sources reads what a recipe names outside its own directory: from S3, or from a directory that stands for a bucket,
// from Secrets Manager and from the parameter store.
type sources struct {
	session *aws.Session
	buckets local.Buckets
}

// of returns the store that has the bucket.
func (s sources) of(bucket string) objectStore {
	if _, here := s.buckets[bucket]; here {
		return s.buckets
	}
	return &aws.S3{Session: s.session}
}

// Object reads an s3:// URL.
func (s sources) Object(ctx context.Context, url string) ([]byte, error) {
	bucket, key, _ := s3uri.Split(url)
	return s.read(ctx, bucket, key)
}

func (s sources) read(ctx context.Context, bucket, key string) ([]byte, error) {
	body, err := s.of(bucket).Get(ctx, bucket, key, "")
	if err != nil {
		return nil, err
	}
	defer body.Close()

	text, err := io.ReadAll(io.LimitReader(body, secret.LoadLimit+1))
	if err == nil && len(text) > secret.LoadLimit {
		err = fmt.Errorf("the object is larger than %d bytes", secret.LoadLimit)
	}

	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	return text, nil
}

// Secrets reads the secrets that a recipe names, by the forms of its `secrets` field.
func (s sources) Secrets(ctx context.Context, reference string) ([]secret.Secret, error) {
	kind, name, _ := strings.Cut(reference, ":")
	switch kind {
	case "s3":
		return s.bucketSecrets(ctx, reference)
	case "secretsmanager":
		value, err := (&aws.Secrets{Session: s.session}).Secret(ctx, name)
		return []secret.Secret{{Name: path.Base(name), Value: value}}, err
	case "ssm":
		return s.parameterSecrets(ctx, name)
	}

	return secret.Load(reference)
}

func (s sources) bucketSecrets(ctx context.Context, url string) ([]secret.Secret, error) {
	bucket, prefix, _ := s3uri.Split(url)
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}

	keys, err := s.of(bucket).List(ctx, bucket, prefix, "", most+1)
	if err != nil {
		return nil, err
	}
	if len(keys) > most {
		return nil, fmt.Errorf("%s holds more than %d objects: name a prefix", url, most)
	}

	var secrets []secret.Secret
	for _, key := range keys {
		name := strings.TrimPrefix(key, prefix)
		if name == "" || strings.HasSuffix(name, "/") {
			continue // a console's "folder"
		}
		value, err := s.read(ctx, bucket, key)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret.Secret{Name: name, Value: value})
	}

	return secrets, nil
}

func (s sources) parameterSecrets(ctx context.Context, under string) ([]secret.Secret, error) {
	values, err := (&aws.Parameters{Session: s.session}).Under(ctx, under)
	if err != nil {
		return nil, err
	}
	var secrets []secret.Secret
	for name, value := range values {
		secrets = append(secrets, secret.Secret{Name: strings.TrimPrefix(strings.TrimPrefix(name, under), "/"), Value: []byte(value)})
	}
	return secrets, nil
}

// buckets checks the directories that stand for buckets; paths come out absolute.
func buckets(given map[string]string) (local.Buckets, error) {
	checked := local.Buckets{}
	for name, dir := range given {
		absolute, err := filepath.Abs(dir)
		if err == nil {
			var info os.FileInfo
			info, err = os.Stat(absolute)
			if err == nil && !info.IsDir() {
				err = errors.New("it is not a directory")
			}
		}

		if err != nil {
			return nil, &ExitError{Code: BadInput, Err: fmt.Errorf("use %s as bucket %s: %w", dir, name, err), Next: "write --bucket NAME=DIR"}
		}
		checked[name] = absolute
	}

	return checked, nil
}
