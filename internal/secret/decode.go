package secret

import (
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unify strips a byte order mark and gives every line a Unix line end: a file from Windows, or from a web form, holds
// the same secret.
func unify(text string) string {
	text = strings.TrimPrefix(text, "\ufeff")
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// escape matches one escape of JSON, C, shells, properties files and TOML, and a line that continues on the next one.
var escape = regexp.MustCompile(`\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\n[ \t]*|(?s:.))`)

// unescape resolves the escapes of a text. Any other escaped character loses its backslash.
func unescape(text string) string {
	return escape.ReplaceAllStringFunc(text, func(match string) string {
		c := match[1]
		switch c {
		case 'n':
			return "\n"
		case 'r':
			return "\r"
		case 't':
			return "\t"

		case '\n':
			return ""
		case 'u', 'x':
			code, err := strconv.ParseUint(match[2:], 16, 32)
			if err != nil {
				return match[1:] // \user is not an escape
			}
			return string(rune(code))
		}

		return match[1:]
	})
}

// decodings returns the texts that a text may encode: with escapes resolved, percent-encoding undone, character
// references replaced. A text without any of them yields nothing.
func decodings(text string) []string {
	var decoded []string
	add := func(other string) {
		if other != text {
			decoded = append(decoded, other)
		}
	}

	if strings.Contains(text, `\`) {
		add(unify(unescape(text)))
	}

	if strings.Contains(text, "%") {
		add(unpercent(text))
	}

	if strings.Contains(text, "&") {
		add(html.UnescapeString(text))
	}

	return decoded
}

// percent matches a run of percent-encoded bytes (RFC 3986, 2.1).
var percent = regexp.MustCompile(`(?:%[0-9a-fA-F]{2})+`)

func unpercent(text string) string {
	return percent.ReplaceAllStringFunc(text, func(match string) string {
		plain, err := url.PathUnescape(match)
		if err != nil || !utf8.ValidString(plain) {
			return match
		}
		return plain
	})
}

// base64Text matches a possible base64 text in either alphabet.
var base64Text = regexp.MustCompile(`^[A-Za-z0-9+/_-]{8,}={0,2}$`)

// unbase64 returns the printable text that a base64 text encodes. ok is false for other texts and for keys: random
// bytes do not decode to text.
func unbase64(text string) (plain string, ok bool) {
	if !base64Text.MatchString(text) {
		return "", false
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	bytes, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(bytes) {
		return "", false
	}

	for _, r := range string(bytes) {
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return "", false
		}
	}

	return unify(string(bytes)), true
}
