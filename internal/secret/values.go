package secret

import (
	"encoding/base64"
	"iter"
	"regexp"
	"slices"
	"strings"
)

// The runs of characters that may be a token, as a whole and in parts, and those that may be a key in base64.
var (
	tokenText = regexp.MustCompile(`[A-Za-z0-9+/=_.~-]{12,}`)
	tokenPart = regexp.MustCompile(`[A-Za-z0-9_-]{12,}`)
	keyBody   = regexp.MustCompile(`^[A-Za-z0-9+/]{40,}={0,2}$`)
)

// nesting bounds how deep encodings are resolved: JSON in a JSON string in base64 is three.
const nesting = 4

// fewLines is how many lines of a text without structure are values whatever they look like: a user and a password, say.
const fewLines = 3

// quoteMark stands for a quote in a quoted text while that is taken apart. No text has it.
const quoteMark = "\ue000"

// opensshHeader begins the first line of every OpenSSH private key without a passphrase ("openssh-key-v1", cipher and
// key derivation "none", see PROTOCOL.key in OpenSSH): the line goes on to name the algorithm and holds nothing else.
const opensshHeader = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"

// values gathers what must not be found of one secret.
type values struct {
	found []string
	seen  map[string]bool // texts that were read
	// public are the public parts of private keys.
	public []string
	// mixed says that public keys or certificates were in the text besides what is left.
	mixed bool
}

// valuesOf returns what must not be found of one secret: the whole, its lines, and the values and tokens in it.
func valuesOf(whole string) []string {
	text := strings.Trim(unify(whole), "\n")
	secret := withoutPublic(text)
	v := &values{seen: map[string]bool{}, mixed: secret != text}

	telling := v.read(secret, nesting)
	if telling || secret == text {
		v.keep(strings.TrimRight(whole, "\r\n"))
		v.keep(text)
	}
	return v.found
}

// keep adds a value, unless finding it would give nothing away. It reports whether it was added, now or before.
func (v *values) keep(value string) bool {
	if !tells(value) || v.isPublic(value) {
		return false
	}
	v.found = append(v.found, value)
	return true
}

// isPublic reports whether a value is a line in the public part of a private key.
func (v *values) isPublic(value string) bool {
	if len(v.public) == 0 || !keyBody.MatchString(value) {
		return false
	}
	bytes, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(v.public, func(modulus string) bool { return strings.Contains(modulus, string(bytes)) })
}

// read takes a text apart, and what it stands for if it is encoded. It reports whether it holds anything that tells.
func (v *values) read(text string, depth int) bool {
	if depth == 0 || len(text) < MinLength || v.seen[text] {
		return v.seen[text]
	}
	v.seen[text] = true

	telling := false
	for _, key := range privateKeys(text) {
		if key.modulus != "" {
			v.public = append(v.public, key.modulus)
		}
		for _, value := range key.secrets {
			telling = v.keep(value) || telling
		}
	}

	telling = v.lines(text, depth) || telling
	for _, decoded := range decodings(text) {
		telling = v.read(withoutPublic(decoded), depth-1) || telling
	}

	if !telling {
		delete(v.seen, text)
	}

	return telling
}

// lines takes every line of a text apart. A line is looked for as a whole if it holds something that tells. In a text
// without any structure, such as a token or a user's name and password in two lines, every line does.
func (v *values) lines(text string, depth int) bool {
	telling := false
	bare := isBare(text) && !v.mixed

	newlines := strings.Count(strings.TrimSpace(text), "\n")
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if len(line) < MinLength || !tells(line) {
			continue
		}
		if isKey(line) { // in pieces it may be the beginning of any key
			telling = v.keep(line) || telling
			continue
		}

		few := newlines == 0 || (newlines < fewLines && !strings.ContainsAny(line, " \t")) // the head of a table has blanks
		if bare && (few || looksAssigned(line)) {
			telling = v.bare(line, depth) || telling
		}

		if v.line(line, depth) || isPhrase(line) {
			telling = v.keep(line) || telling
		}
	}

	return telling
}

// bareUser matches a user and a password as HTTP's basic authentication has them (RFC 7617).
var bareUser = regexp.MustCompile(`^[^\s:/"'={}]+:([^\s/]\S+)$`)

// bare keeps a line of a text without structure: as it is, without quotes, and the password in user:password.
func (v *values) bare(line string, depth int) bool {
	telling := v.sure(line, depth)
	if quote := line[0]; (quote == '"' || quote == '\'') && line[len(line)-1] == quote {
		telling = v.sure(line[1:len(line)-1], depth) || telling
	}
	if match := bareUser.FindStringSubmatch(line); match != nil {
		telling = v.sure(match[1], depth) || telling
	}
	return telling
}

// assignment matches NAME=value, export NAME=value, name: value, - name: value. A colon counts only before a blank or a
// quote, or every URL would be an assignment.
var assignment = regexp.MustCompile(`^(?:(?:export|set|setenv|-)\s+)*["']?[A-Za-z_][\w.-]*["']?\s*(?:=\s*|:\s+)([^"'].*)$`)

// line takes a line apart and reports whether it holds anything that tells.
func (v *values) line(line string, depth int) bool {
	telling := false
	sure := func(value string) {
		telling = v.sure(strings.ReplaceAll(value, quoteMark, "'"), depth) || telling
	}
	likely := func(value string) {
		telling = v.maybe(strings.ReplaceAll(value, quoteMark, "'"), depth, looksAssigned) || telling
	}

	maybe := func(value string) { telling = v.maybe(value, depth, looksRandom) || telling }

	for _, form := range quoteForms(line) {
		namedValues(form, sure)
		for text := range quotedTexts(form) {
			likely(text)
		}
	}

	if match := assignment.FindStringSubmatch(line); match != nil {
		likely(match[1])
		likely(strings.TrimRight(match[1], ",; \t"))
		if before, _, found := strings.Cut(match[1], " "); found {
			likely(before)
		}
	}

	for field := range strings.FieldsSeq(line) {
		maybe(field)
		maybe(strings.Trim(field, "\"',;()[]{}<>"))
	}

	for _, token := range tokenText.FindAllString(line, -1) {
		v.token(token, maybe)
	}

	return telling
}

// quoteForms returns a line, and the line with the quotes inside its quoted texts out of the way: in shells 'it'\”s',
// in YAML 'it”s'.
func quoteForms(line string) []string {
	forms := []string{line}
	if strings.Contains(line, `'\''`) {
		forms = append(forms, strings.ReplaceAll(line, `'\''`, quoteMark))
	}
	if strings.Contains(line, "''") {
		forms = append(forms, strings.ReplaceAll(line, "''", quoteMark))
	}
	return forms
}

// quotedTexts yields what stands between every quote of a line and the next one of its kind. Which quote begins a text
// and which ends it nothing says: the text may be the inside of another one.
func quotedTexts(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(line) {
			c := line[i]
			if c != '"' && c != '\'' && c != '`' {
				continue
			}
			rest := line[i+1:]
			if end := quoteEnd(rest, c); end < len(rest) && !yield(rest[:end]) {
				return
			}
		}
	}
}

// token takes a run of the characters of tokens apart: at an equals sign that is not padding, and, unless it is a key as
// a whole, at everything that is not a letter, a digit, a hyphen or an underscore.
func (v *values) token(token string, maybe func(string)) {
	rest := token
	for rest != "" {
		maybe(strings.Trim(rest, ".~"))
		body := strings.TrimRight(strings.Trim(rest, ".~-"), "=")
		maybe(body)
		maybe(strings.Trim(body, "/"))

		if !isKey(body) {
			for _, part := range tokenPart.FindAllString(rest, -1) {
				maybe(part)
			}
		}

		_, after, found := strings.Cut(rest, "=")
		if !found {
			return
		}
		rest = strings.TrimLeft(after, "=")
	}
}

// sure keeps a value that is a secret by its place, and what it stands for.
func (v *values) sure(value string, depth int) bool {
	telling := v.keep(value)
	plain, isBase64 := unbase64(value)
	if isBase64 && len(plain) >= MinLength && depth > 0 {
		telling = v.keep(strings.TrimRight(plain, "\n")) || telling
		if match := bareUser.FindStringSubmatch(plain); match != nil {
			telling = v.keep(match[1]) || telling
		}
		telling = v.read(withoutPublic(plain), depth-1) || telling
	}

	for _, quoteless := range []string{unescape(value), unpercent(value), strings.NewReplacer("`$", "$", "``", "`", "`\"", `"`).Replace(value)} {
		if quoteless != value {
			telling = v.keep(quoteless) || telling
		}
	}

	for _, decoded := range decodings(value) {
		if depth > 0 {
			telling = v.sure(decoded, depth-1) || telling
		}
	}

	return telling
}

// maybe keeps a text if it looks like a credential. A text in base64 is judged by what it stands for: the beginning of
// every JSON Web Token looks random, and is the same in all of them.
func (v *values) maybe(text string, depth int, looks func(string) bool) bool {
	if len(text) < MinLength {
		return false
	}
	if plain, isText := unbase64(text); isText {
		return depth > 0 && v.read(withoutPublic(plain), depth-1) && v.keep(text)
	}
	if !looks(text) {
		return false
	}

	telling := v.keep(text)
	if strings.Contains(text, `\`) {
		telling = v.keep(unescape(text)) || telling
	}

	return telling
}
