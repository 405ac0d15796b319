package templates

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
)

// source is the stack's template without the documents.
//
//go:embed stack.yml
var source []byte

// placeholder is a line of the source that stands for a document, or for the version that its text has.
var placeholder = regexp.MustCompile(`(?m)^( *)(Data|Version): '@(document|version) ([a-z-]+)'\n`)

// Stack returns the CloudFormation template: the source with each document in its place, to the letter. The committed
// aws-stack.yml is this, for those who upload it by hand.
func Stack() ([]byte, error) {
	var failed error
	text := placeholder.ReplaceAllFunc(source, func(line []byte) []byte {
		part := placeholder.FindSubmatch(line)
		document, err := Files.ReadFile("components/" + string(part[4]) + ".yml")
		if err != nil {
			failed = fmt.Errorf("render template: %w", err)
			return line
		}
		if string(part[3]) == "version" {
			return fmt.Appendf(nil, "%sVersion: %s\n", part[1], Version(sha256.Sum256(document)))
		}
		return fmt.Appendf(nil, "%sData: |\n%s", part[1], indented(document, string(part[1])+"  "))
	})

	return text, failed
}

// Version derives a component's version from the digest of its document: one that changes gets another version. Image
// Builder takes numbers below 2^30, and the template's own pattern nine digits.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/ibhow-semantic-versioning.html
func Version(digest [sha256.Size]byte) string {
	return fmt.Sprintf("1.0.%d", binary.BigEndian.Uint32(digest[:])>>3)
}

func indented(document []byte, indent string) []byte {
	var text bytes.Buffer
	for line := range strings.Lines(string(document)) {
		if line != "\n" {
			text.WriteString(indent)
		}
		text.WriteString(line)
	}
	return text.Bytes()
}
