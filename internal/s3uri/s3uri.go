// Package s3uri reads and writes the address of an object or a folder in Amazon S3, s3://bucket/key.
//
// It knows the form and nothing else: whether a bucket's name is allowed, or whether a key must be there, is for the
// caller to say. https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-bucket-intro.html
package s3uri

import "strings"

const scheme = "s3://"

// Is reports whether a text has the scheme of an S3 URI.
func Is(text string) bool { return strings.HasPrefix(text, scheme) }

// Split returns the bucket and the key of an S3 URI; either may be empty. It reports false for any other text.
func Split(text string) (bucket, key string, ok bool) {
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok {
		return "", "", false
	}
	bucket, key, _ = strings.Cut(rest, "/")
	return bucket, key, true
}

// Join returns the S3 URI of a key in a bucket; of the bucket itself for an empty key.
func Join(bucket, key string) string {
	if key == "" {
		return scheme + bucket
	}
	return scheme + bucket + "/" + key
}
