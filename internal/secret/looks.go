package secret

import (
	"regexp"
	"strings"
)

// hasRandom reports whether some token of a text looks like a credential.
func hasRandom(text string) bool {
	for _, part := range tokenPart.FindAllString(text, -1) {
		if _, isText := unbase64(part); looksRandom(part) && !isText {
			return true
		}
	}
	return false
}

// isBare reports whether a text is a value or a few of them, not a file of some format.
func isBare(text string) bool {
	if bareUser.MatchString(text) {
		return true
	}
	return !strings.ContainsAny(text, "={}<>[]#") && !strings.Contains(text, ": ")
}

// isKey reports whether a text is bytes in base64 that are not text: a key, or a line of one.
func isKey(text string) bool {
	if !keyBody.MatchString(text) || len(text)%4 != 0 || !looksRandom(text) {
		return false
	}
	_, isText := unbase64(text)
	return !isText
}

// phrase matches four words or more with nothing but blanks between them.
var phrase = regexp.MustCompile(`^[a-z]+(?: [a-z]+){3,}$`)

// isPhrase reports whether a line is a passphrase, or the words that restore a wallet.
func isPhrase(line string) bool { return phrase.MatchString(line) }

// tells reports whether finding value somewhere would give anything away.
func tells(value string) bool {
	switch {
	case len(value) < MinLength:
	case strings.HasPrefix(value, "-----BEGIN ") && strings.HasSuffix(value, "-----") && !strings.Contains(value, "\n"):
	case strings.HasPrefix(value, "-----END ") && strings.HasSuffix(value, "-----") && !strings.Contains(value, "\n"):
	case strings.HasPrefix(value, opensshHeader) && len(value) <= 76:
	case strings.Count(value, value[:1]) == len(value):
	default:
		return true
	}
	return false
}
