package secret

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// assignment matches NAME=value, export NAME=value, name: value and "name": "value", with one or no trailing comma. A
// colon counts only before a space or a quote, or every URL would be an assignment.
var assignment = regexp.MustCompile(`^(?:export\s+)?["']?[A-Za-z_][\w.-]*["']?\s*(?:=\s*|:(?:\s+|(["'])))(.+?),?$`)

// opensshHeader begins the first line of every OpenSSH private key without a passphrase ("openssh-key-v1", cipher and
// key derivation "none", see PROTOCOL.key in OpenSSH): the line goes on to name the algorithm and holds nothing else.
const opensshHeader = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"

// valuesOf returns what must not be found of one secret: the whole, its lines and the values in it.
func valuesOf(whole string) []string {
	whole = strings.TrimRight(whole, "\r\n")
	found := []string{whole}
	for line := range strings.SplitSeq(whole, "\n") {
		line = strings.TrimSpace(line)
		found = append(found, line)
		if _, value, ok := assigned(line); ok {
			found = append(found, quoted(value)...)
		}
	}

	found = append(found, jsonStrings(whole)...)
	telling := found[:0]
	for _, value := range found {
		if tells(value) {
			telling = append(telling, value)
		}
	}

	return telling
}

// assigned splits a line of the form NAME=value or name: value.
func assigned(line string) (name, value string, ok bool) {
	m := assignment.FindStringSubmatchIndex(line)
	if m == nil {
		return "", "", false
	}
	start := m[4]
	if m[2] >= 0 { // the quote after a colon belongs to the value
		start = m[2]
	}
	return line[:start], strings.TrimSpace(line[start:m[5]]), true
}

// quoted returns a value without its quotes and, if it has escapes, with these resolved and its lines apart: a key in
// an environment file is one line with \n in it.
func quoted(value string) []string {
	if len(value) < 2 || value[0] != value[len(value)-1] || (value[0] != '"' && value[0] != '\'') {
		return []string{value}
	}
	found := []string{value[1 : len(value)-1]}
	if plain, err := strconv.Unquote(value); err == nil && plain != found[0] {
		found = append(append(found, plain), strings.Split(plain, "\n")...)
	}
	return found
}

// jsonStrings returns every string in a JSON object or array, and the lines of each: what Secrets Manager holds is
// mostly one JSON object on one line.
func jsonStrings(text string) []string {
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))

	var found []string
	for {
		token, err := decoder.Token()
		if err != nil {
			return found
		}
		if s, ok := token.(string); ok {
			found = append(append(found, s), strings.Split(s, "\n")...)
		}
	}
}

// tells reports whether finding value somewhere would give anything away.
func tells(value string) bool {
	switch {
	case len(value) < MinLength:
	case strings.HasPrefix(value, "-----BEGIN ") && strings.HasSuffix(value, "-----") && !strings.Contains(value, "\n"):
	case strings.HasPrefix(value, "-----END ") && strings.HasSuffix(value, "-----") && !strings.Contains(value, "\n"):
	case strings.HasPrefix(value, opensshHeader) && len(value) <= 76:
	case bytes.Count([]byte(value), []byte{value[0]}) == len(value):
	default:
		return true
	}
	return false
}
