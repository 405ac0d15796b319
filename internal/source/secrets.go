package source

import (
	"context"
	"fmt"
	"path"
	"strings"

	"image-builder/internal/s3uri"
	"image-builder/internal/secret"
)

// mostSecrets is how many objects a bucket of secrets may hold.
const mostSecrets = 1000

// Vault keeps secrets by name. Satisfied by *aws.Secrets.
type Vault interface {
	Secret(ctx context.Context, name string) ([]byte, error)
}

// Parameters are kept by path. Satisfied by *aws.Parameters.
type Parameters interface {
	// Under returns the parameters below a path, at any depth, by full name.
	Under(ctx context.Context, path string) (map[string]string, error)
}

// Secrets reads what the `secrets` field of a recipe names. Satisfies pipeline.Secrets.
type Secrets struct {
	Objects    Objects
	Vault      Vault
	Parameters Parameters
}

// Read reads the secrets of a reference: a path, s3://bucket/prefix, secretsmanager:NAME or ssm:/path.
func (s Secrets) Read(ctx context.Context, reference string) ([]secret.Secret, error) {
	kind, name, _ := strings.Cut(reference, ":")
	switch kind {
	case "s3":
		return s.inBucket(ctx, reference)
	case "secretsmanager":
		value, err := s.Vault.Secret(ctx, name)
		return []secret.Secret{{Name: path.Base(name), Value: value}}, err
	case "ssm":
		return s.under(ctx, name)
	}

	return secret.Load(reference)
}

func (s Secrets) inBucket(ctx context.Context, url string) ([]secret.Secret, error) {
	bucket, prefix, _ := s3uri.Split(url)
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}

	keys, err := s.Objects.List(ctx, bucket, prefix, "", mostSecrets+1)
	if err != nil {
		return nil, err
	}
	if len(keys) > mostSecrets {
		return nil, fmt.Errorf("%s holds more than %d objects: name a prefix", url, mostSecrets)
	}

	var secrets []secret.Secret
	for _, key := range keys {
		name := strings.TrimPrefix(key, prefix)
		if name == "" || strings.HasSuffix(name, "/") {
			continue // a console's "folder"
		}
		value, err := s.Objects.read(ctx, bucket, key)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret.Secret{Name: name, Value: value})
	}

	return secrets, nil
}

func (s Secrets) under(ctx context.Context, parent string) ([]secret.Secret, error) {
	values, err := s.Parameters.Under(ctx, parent)
	if err != nil {
		return nil, err
	}
	var secrets []secret.Secret
	for name, value := range values {
		secrets = append(secrets, secret.Secret{Name: strings.TrimPrefix(strings.TrimPrefix(name, parent), "/"), Value: []byte(value)})
	}
	return secrets, nil
}
