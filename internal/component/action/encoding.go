package action

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"image-builder/internal/component"
)

// encodingField is the input that names an encoding.
func encodingField() component.Field {
	return component.Field{Name: "encoding", Default: "utf8", OneOf: []string{
		"utf8", "utf-8", "utf16", "utf-16", "utf16-LE", "utf-16-LE", "utf16-BE", "utf-16-BE",
		"utf32", "utf-32", "utf32-LE", "utf-32-LE", "utf32-BE", "utf-32-BE",
	}}
}

// encodingOf returns the encoding of a name, as encodingField lists them. Without -BE it is little-endian. It writes
// no byte-order mark and drops one that it reads.
func encodingOf(name string) encoding.Encoding {
	switch strings.ToLower(strings.ReplaceAll(name, "-", "")) {
	case "utf16", "utf16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "utf16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "utf32", "utf32le":
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case "utf32be":
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	}

	return encoding.Nop
}

func encode(text, name string) ([]byte, error) {
	raw, err := encodingOf(name).NewEncoder().Bytes([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("encode as %s: %w", name, err)
	}
	return raw, nil
}

func decode(raw []byte, name string) (string, error) {
	text, err := encodingOf(name).NewDecoder().Bytes(raw)
	if err != nil {
		return "", fmt.Errorf("decode %s: %w", name, err)
	}
	if !utf8.Valid(text) {
		return "", fmt.Errorf("decode %s: it is not text in this encoding", name)
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}
