package secret

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// The forms in which a value is looked for, as hits name them.
const (
	plain     = "plain"
	inBase64  = "base64"
	inHex     = "hex"
	inPercent = "percent-encoded"
)

// encodedLimit is how many bytes of a long value are encoded: the encoding of its beginning starts the encoding of
// the whole.
const encodedLimit = 64 << 10

// A line of at least wrapped bytes is looked for in wrapped base64 as well: wherever it stands in it, so many bytes fill
// two pieces of base64Piece characters, and a line break cuts only one of them.
const (
	base64Piece = 24
	wrapped     = 37
)

// pattern is a byte string to find.
type pattern struct {
	secret, form, text string
}

// patternsOf returns every form of every value of the secrets, each text once.
func patternsOf(secrets []Secret) []pattern {
	var patterns []pattern
	seen := map[string]bool{}
	for _, one := range secrets {
		add := func(form, text string) {
			if len(text) >= MinLength && !seen[text] {
				seen[text] = true
				patterns = append(patterns, pattern{one.Name, form, text})
			}
		}
		for _, value := range valuesOf(string(one.Value)) {
			add(plain, value)
			encode(value[:min(len(value), encodedLimit)], add)
		}
	}

	return patterns
}

// encode gives add every encoding of value.
func encode(value string, add func(form, text string)) {
	for before := range 3 {
		add64(base64Inside(value, before), add)
	}

	if len(value) >= wrapped && !strings.Contains(value, "\n") && !isKeyFile(value) {
		wrappedPieces(value, add)
	}

	digits := hex.EncodeToString([]byte(value))
	add(inHex, digits)
	add(inHex, strings.ToUpper(digits))

	for _, dialect := range percentDialects {
		add(inPercent, dialect.encode(value, "0123456789ABCDEF"))
		add(inPercent, dialect.encode(value, "0123456789abcdef"))
	}
}

// wrappedPieces prefers pieces near value's rarest bytes: its beginning may be that of any URL.
func wrappedPieces(value string, add func(form, text string)) {
	start := min(max(0, window(value)-MinLength), len(value)-wrapped)
	for before := range 3 {
		text := base64Inside(value[start:start+wrapped], before)
		add64(text[:base64Piece], add)
		add64(text[base64Piece:2*base64Piece], add)
	}
}

// add64 passes a base64 text to add, in both alphabets.
func add64(text string, add func(form, text string)) {
	add(inBase64, text)
	add(inBase64, strings.NewReplacer("+", "-", "/", "_").Replace(text))
}

// base64Inside returns the characters of a base64 text (RFC 4648, standard alphabet) that depend on value alone, if
// `before` bytes (mod 3) precede it: it leaves out characters that share bits with a neighbour.
func base64Inside(value string, before int) string {
	padded := append(make([]byte, before, before+len(value)), value...)
	text := base64.RawStdEncoding.EncodeToString(padded)
	first := (before*8 + 5) / 6
	return text[first : len(padded)*8/6]
}

// percentDialect is a way of percent-encoding: the characters that stay unchanged besides letters and digits, and the
// encoding of a space.
type percentDialect struct{ keep, space string }

var percentDialects = []percentDialect{
	{"-._~", "%20"},                 // RFC 3986, AWS, Python's quote(safe="")
	{"-._~", "+"},                   // Go's url.QueryEscape, PHP's urlencode
	{"-._*", "+"},                   // forms (WHATWG URL, application/x-www-form-urlencoded)
	{"-._~!*'()", "%20"},            // JavaScript's encodeURIComponent
	{"-._~$&+=:@", "%20"},           // Go's url.PathEscape
	{"-._~!$&'()*+,;=", "%20"},      // user information in a URL
	{"-._~/", "%20"},                // Python's quote, paths
	{"-._~!*'();/?:@&=+$,#", "%20"}, // JavaScript's encodeURI
}

// encode percent-encodes value (RFC 3986, 2.1) with the given hexadecimal digits.
func (d percentDialect) encode(value, digits string) string {
	var out strings.Builder
	for i := range len(value) {
		c := value[i]
		switch {
		case c == ' ':
			out.WriteString(d.space)
		case alphanumeric(c) || strings.IndexByte(d.keep, c) >= 0:
			out.WriteByte(c)
		default:
			out.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}

	return out.String()
}

func alphanumeric(c byte) bool {
	return ('0' <= c && c <= '9') || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z')
}
