package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wrap breaks text into lines, as base64(1) and PEM do.
func wrap(text string, columns int) string {
	var lines []string
	for len(text) > columns {
		lines, text = append(lines, text[:columns]), text[columns:]
	}
	return strings.Join(append(lines, text), "\n")
}

func TestEncodingsAreFound(t *testing.T) {
	t.Parallel()
	const token = "p/?>w~\xff:d #+aXz9"
	set := NewSet([]Secret{{"token", []byte(token + "\n")}})
	lower := strings.NewReplacer("%2F", "%2f", "%3F", "%3f", "%3E", "%3e", "%FF", "%ff", "%3A", "%3a", "%2B", "%2b")
	tests := map[string]string{
		"hex":                 hex.EncodeToString([]byte(token)),
		"upper hex":           strings.ToUpper(hex.EncodeToString([]byte(token))),
		"query":               url.QueryEscape(token),
		"query, lower digits": lower.Replace(url.QueryEscape(token)),
		"path":                url.PathEscape(token),
		"encodeURIComponent":  "p%2F%3F%3Ew~%FF%3Ad%20%23%2BaXz9",
		"user of a URL":       url.User(token).String(),
		"in a longer value":   "user" + token + "more",
	}
	for before := range 6 {
		text := []byte(strings.Repeat("u", before) + token + "tail")
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			tests[fmt.Sprintf("base64 after %d bytes %p", before, encoding)] = encoding.EncodeToString(text)
			tests[fmt.Sprintf("base64 at the end, after %d bytes %p", before, encoding)] = encoding.EncodeToString(text[:len(text)-4])
		}
	}

	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for shift := range wordSize {
				if len(found(t, set.Search(), diskOf(t, []byte(strings.Repeat("=", shift)+text+"=")))) == 0 {
					t.Errorf("not found after %d bytes: %q", shift, text)
				}
			}
		})
	}
}

func TestWrappedBase64IsFound(t *testing.T) {
	t.Parallel()
	body := make([]byte, 400)
	if _, err := rand.Read(body); err != nil {
		t.Fatal(err)
	}

	line := wrap(base64.StdEncoding.EncodeToString(body), 64)
	key := "-----BEGIN PRIVATE KEY-----\n" + line + "\n-----END PRIVATE KEY-----\n"
	for name, value := range map[string]string{"key": key, "binary": string(bytes.ReplaceAll(body, []byte("\n"), nil)), "line": line[:wrapped]} {
		set := NewSet([]Secret{{"s", []byte(value)}})
		for _, columns := range []int{48, 60, 64, 70, 76, 1000} {
			for before := range 80 {
				text := wrap(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before)+value)), columns)
				if len(set.Search().occurrences(text)) == 0 {
					t.Errorf("%s: not found after %d bytes in lines of %d columns", name, before, columns)
				}
			}
		}
	}
}

func TestBoundariesOfOtherKeysAreNotFound(t *testing.T) {
	t.Parallel()
	const begin, end = "-----BEGIN OPENSSH PRIVATE KEY-----\n", "\n-----END OPENSSH PRIVATE KEY-----\n"
	line := wrap(rand.Text()+rand.Text()+rand.Text(), 70)
	set := NewSet([]Secret{{"key", []byte(begin + opensshHeader + "AAAAAAAAABAAAAMwAAAAtzc2gtZW\n" + line + end)}})

	other := begin + opensshHeader + "AAAAAAAAABAAAAMwAAAAtzc2gtZW\n" + rand.Text() + end
	for _, text := range []string{
		other, base64.StdEncoding.EncodeToString([]byte(other)), wrap(base64.StdEncoding.EncodeToString([]byte(other)), 76),
		hex.EncodeToString([]byte(other)), url.QueryEscape(other),
	} {
		if hits := found(t, set.Search(), diskOf(t, []byte(text))); len(hits) > 0 {
			t.Errorf("another key is taken for the secret: %v in %s", hits, text)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	set := NewSet([]Secret{
		{"token", []byte("tok_93fe12ab77c0\n")},
		{"other", []byte("77c0/0123456789")},
		{"env", []byte("PASSWORD=correct horse battery\n")},
	})

	for name, test := range map[string]struct{ line, want string }{
		"nothing to hide":   {"cloning into /var/lib", "cloning into /var/lib"},
		"empty":             {"", ""},
		"a secret alone":    {"tok_93fe12ab77c0", "***"},
		"in the middle":     {"curl -H tok_93fe12ab77c0 x", "curl -H *** x"},
		"several":           {"tok_93fe12ab77c0 and tok_93fe12ab77c0", "*** and ***"},
		"overlapping":       {"<tok_93fe12ab77c0/0123456789>", "<***>"},
		"touching":          {"tok_93fe12ab77c0tok_93fe12ab77c0.", "***."},
		"line and value":    {"+ PASSWORD=correct horse battery", "+ ***"},
		"the value":         {"+ echo 'correct horse battery'", "+ echo '***'"},
		"a basic header":    {"Basic " + base64.StdEncoding.EncodeToString([]byte("u:tok_93fe12ab77c0")), "Basic dTp***"},
		"all of a long hex": {hex.EncodeToString([]byte("PASSWORD=correct horse battery")), "***"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, set.Mask(test.line)); diff != "" {
				t.Errorf("wrong line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMaskerMasksAcrossPieces(t *testing.T) {
	t.Parallel()
	const line = "one tok_93fe12ab77c0 two tok_93fe12ab77c0 three tok_93fe12ab77"

	set := NewSet([]Secret{{"token", []byte("tok_93fe12ab77c0")}})
	for size := 1; size <= len(line); size++ {
		masker := set.Masker()
		var out strings.Builder

		rest := line
		for rest != "" {
			n := min(size, len(rest))
			out.WriteString(masker.Next(rest[:n]))
			rest = rest[n:]
		}

		out.WriteString(masker.End())
		if diff := cmp.Diff("one *** two *** three tok_93fe12ab77", out.String()); diff != "" {
			t.Errorf("pieces of %d bytes (-want +got):\n%s", size, diff)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add("0123456789ab", "a0123456789ab0123456789ab", uint8(5))

	f.Fuzz(func(t *testing.T, value, line string, size uint8) {
		set := NewSet([]Secret{{"value", []byte(value)}})
		line += value + line
		whole := set.Mask(line)
		masker := set.Masker()

		var pieces strings.Builder
		rest := line
		for rest != "" {
			n := min(int(size)+1, len(rest))
			pieces.WriteString(masker.Next(rest[:n]))
			rest = rest[n:]
		}

		pieces.WriteString(masker.End())

		for _, text := range []string{whole, pieces.String()} {
			for _, p := range set.Search().patterns {
				if strings.Contains(text, p.text) && !strings.Contains(p.text, masked) && !strings.Contains(p.text, "\n") {
					t.Errorf("%q still holds %q", text, p.text)
				}
			}
		}
	})
}
