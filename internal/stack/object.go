package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"strings"
)

// objects is the folder of a bucket that holds what stacks read.
const objects = "image-builder/"

// ObjectKey names an object that a stack reads by its content: image-builder/<SHA-256>/<file name>. What has the same
// key is the same object. The file's name is for people.
func ObjectKey(sum [sha256.Size]byte, file string) string {
	return objects + hex.EncodeToString(sum[:]) + "/" + FileName(file)
}

var notInKeys = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// FileName is a file's name as a key has it: without its directory and what does not fit into a URL.
func FileName(file string) string {
	name := strings.Trim(notInKeys.ReplaceAllString(path.Base(file), "-"), "-.")
	if name == "" {
		return "file"
	}
	return name[max(0, len(name)-100):]
}

var digestInKey = regexp.MustCompile(objects + `([0-9a-f]{8})[0-9a-f]{56}/`)

// ShortKeys abbreviates the digests of object keys in a text for people.
func ShortKeys(text string) string { return digestInKey.ReplaceAllString(text, objects+"$1…/") }
