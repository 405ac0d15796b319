package action

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
)

// errChecksum says that a file is not the expected one.
var errChecksum = errors.New("the checksum does not match")

func algorithms() []string { return []string{"MD5", "SHA1", "SHA256", "SHA512"} }

// newHash returns the hash of that name, one of algorithms.
func newHash(algorithm string) hash.Hash {
	switch strings.ToUpper(algorithm) {
	case "MD5":
		return md5.New()
	case "SHA1":
		return sha1.New()
	case "SHA512":
		return sha512.New()
	}
	return sha256.New()
}

// verify reads a file and compares its checksum, in hex of either case.
func verify(path, algorithm, checksum string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	digest := newHash(algorithm)
	if _, err := io.Copy(digest, file); err != nil {
		return err
	}
	return compare(digest, checksum)
}

func compare(digest hash.Hash, checksum string) error {
	if sum := hex.EncodeToString(digest.Sum(nil)); !strings.EqualFold(sum, strings.TrimSpace(checksum)) {
		return fmt.Errorf("%w: it is %s, not %s", errChecksum, sum, checksum)
	}
	return nil
}
