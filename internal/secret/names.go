package secret

import (
	"regexp"
	"strings"
)

// The last words of secrets' names, in any case. The value of a name of the first kind is always a secret: people
// choose words for passwords. A value of the second kind must be more than one word, since `auth: required` and `key:
// production` are settings.
const (
	passwordNames = `pass[._-]?(?:word|wd|phrase|wort|code)?|pwd|secret|psk|eap|securestring`
	tokenNames    = `token|auth|credentials?|[a-z0-9]+[._-]?key|[a-z0-9]+[._-]?key[._-]?base`
)

// named matches the name of a secret and the text between it and its value, in assignments, JSON, YAML, XML, property
// lists, function calls, and files of words such as netrc. The value begins where the match ends.
var named = regexp.MustCompile(`(?i)(?:` + `(` + passwordNames + `)|(` + tokenNames + `))` +
	`(?:["'\]]*[ \t]*(?:=>|:=|[=:]|</key>[ \t\n]*<string>|["'][ \t]+value=|["'][ \t]*,|>)[ \t]*(?:u?["'\x60]|\[\[)?` + // name = "value"
	`|["']?[ \t]+(?:"|'|>)?` + // name "value"
	`)`)

// wordSeparated reports whether a match of named ends with only blanks between name and value.
var wordSeparated = regexp.MustCompile(`[A-Za-z0-9][ \t]+$`)

// userinfo matches the password in a URL (RFC 3986, 3.2.1).
var userinfo = regexp.MustCompile(`://[^\s/:@"'<>]*:([^\s@"'<>]+)@`)

// curlUser matches a user and a password as curl's option takes them.
var curlUser = regexp.MustCompile(`(?:^|\s)(?:-u|--user|user)\s*[ =]\s*["']?[^\s:"']+:([^\s"']+)`)

// pgpass matches a line of PostgreSQL's password file: host, port, database, user, password.
var pgpass = regexp.MustCompile(`^(?:[^:\\]|\\.)*:(?:\d+|\*):(?:[^:\\]|\\.)*:(?:[^:\\]|\\.)*:(.+)$`)

// setting matches a value that is a location or a name: a path, a URL without a password, a variable, a template's
// placeholder, a time, a host.
var setting = regexp.MustCompile(`^(?:~?\.{0,2}/|[A-Za-z]:\\|[a-z][a-z0-9+.-]*://[^@]*$|\$[({A-Za-z]|\{\{|<%|%\(|ENV\b|os\.environ|arn:|[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?$|\d{4}-\d\d-\d\d[T ])`)

// words matches a text that is a word or two.
var words = regexp.MustCompile(`^[A-Za-z]+(?:[ :_-]+[A-Za-z]*)?[:;,.]?$`)

// comment matches the beginning of a comment line.
var comment = regexp.MustCompile(`^(?:#|;|//|--|<!--|(?i:rem\b))`)

// longestValue is the longest value, in bytes, that ends with its line: in a document without line breaks the whole
// rest follows.
const longestValue = 256

// longestToken bounds, in bytes, a value that ends at a blank or a separator.
const longestToken = 4 << 10

// namedValues calls keep with the value of every named secret in a line, once for each way in which the value may
// end.
func namedValues(line string, keep func(value string)) {
	for _, match := range named.FindAllStringSubmatchIndex(line, -1) {
		rest := line[match[1]:]
		separator := line[match[0]:match[1]]
		byWord := wordSeparated.MatchString(separator)
		if byWord && comment.MatchString(line) {
			continue
		}

		weak := match[2] < 0 || byWord

		for _, value := range endings(rest, separator) {
			if isSetting(value) || (weak && words.MatchString(value)) {
				continue
			}
			keep(value)
		}
	}

	for _, match := range userinfo.FindAllStringSubmatch(line, -1) {
		keep(match[1])
		keep(unpercent(match[1]))
	}

	for _, match := range curlUser.FindAllStringSubmatch(line, -1) {
		keep(match[1])
	}

	if match := pgpass.FindStringSubmatch(line); match != nil {
		keep(match[1])
	}
}

// endings returns the possible ends of a value at the start of a text: its closing quote, a blank, a separator, the
// end of the line.
func endings(rest, separator string) []string {
	last := separator[len(separator)-1]
	if last == '"' || last == '\'' || last == '`' {
		rest = strings.TrimLeft(rest, string(last)) // """value"""
		return []string{rest[:quoteEnd(rest, last)]}
	}

	var values []string
	if len(rest) <= longestValue && !wordSeparated.MatchString(separator) {
		element, _, _ := strings.Cut(rest, "<")
		values = append(values, strings.TrimRight(rest, " \t,;"), element)
	}

	rest = rest[:min(len(rest), longestToken)]
	for _, stops := range []string{" \t", " \t,;", " \t<&\"'", " \t,;)}]<&\"'"} {
		end := strings.IndexAny(rest, stops)
		switch {
		case end >= 0:
			values = append(values, rest[:end])
		case len(rest) < longestToken:
			values = append(values, rest)
		}
	}

	return values
}

// quoteEnd returns the end of a quoted text: the first quote without a backslash in front.
func quoteEnd(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return len(text)
}

// isSetting reports whether a value is a location or a name, and contains nothing that looks like a credential.
func isSetting(value string) bool {
	return setting.MatchString(value) && !hasRandom(value)
}
