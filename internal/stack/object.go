package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"strings"
)

// objects is the bucket's folder for objects that stacks read.
const objects = "image-builder/"

// ObjectKey names an object by its content: image-builder/<SHA-256>/<file name>. Objects of the same key are the same
// object. The file name helps people.
func ObjectKey(sum [sha256.Size]byte, file string) string {
	return objects + hex.EncodeToString(sum[:]) + "/" + FileName(file)
}

var notInKeys = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// FileName turns a file's path into a name that is safe in a key: the last element, without characters that a URL
// would escape.
func FileName(file string) string {
	name := strings.Trim(notInKeys.ReplaceAllString(path.Base(file), "-"), "-.")
	if name == "" {
		return "file"
	}
	return name[max(0, len(name)-100):]
}

var digestInKey = regexp.MustCompile(objects + `([0-9a-f]{8})[0-9a-f]{56}/`)

// ShortKeys abbreviates the digests in object keys, in texts for people.
func ShortKeys(text string) string { return digestInKey.ReplaceAllString(text, objects+"$1…/") }
