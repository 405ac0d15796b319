package secret

import (
	"regexp"
	"strings"
)

// What a text must reach to look random. Words and identifiers have 3.5 bits a character in the median, and 99 of 100
// have less than 4.4; random letters and digits have 5.5. The figures were measured, see docs/reference/secret-search.md.
const (
	ordinaryMean = 4.0 // bits a letter or digit that say nothing
	randomMean   = 4.6 // bits a letter or digit
	randomLetter = 5.0 // the same, in a text of letters of one case only, as abbreviations are
	wordExcess   = 9   // bits above ordinaryMean in one run of letters and digits
	textExcess   = 24  // bits above ordinaryMean in all runs together
	// randomSwitches is how often letters and digits alternate in one run.
	randomSwitches = 5
)

const (
	digitBits  = 3.3 // log2(10)
	seriesBits = 1.0 // a character that repeats or continues the one before it: 2000, abcd
	switchBits = 1.0 // from letters to digits or back, from lower case to upper case
	oddCase    = 2.0 // a capital inside a word that is not its first letter
)

const digitChars = "0123456789"

// hexadecimal matches what is very likely a key, a digest or a UUID.
var hexadecimal = regexp.MustCompile(`\b(?:[0-9a-f]{16,}|[0-9A-F]{16,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\b`)

// letters matches a word inside a password.
var letters = regexp.MustCompile(`[a-z]{5}|[A-Z]{5}`)

// looksRandom reports whether text looks as if a machine had drawn it: a key or a token, not words, a name, a number or
// a version. It judges by how unexpected each letter is after the one before it.
func looksRandom(text string) bool {
	for piece := range strings.SplitSeq(text, "_") {
		if digits := hexadecimal.FindString(piece); strings.ContainsAny(digits, "abcdefABCDEF") && strings.ContainsAny(digits, digitChars) {
			return true
		}
	}

	if isMixed(text) {
		return true
	}

	var total, count, highest float64
	switches := 0
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r > 'z' || !alphanumeric(byte(r)) }) {
		bits := surprise(word)
		total += bits
		count += float64(len(word))
		highest = max(highest, bits-ordinaryMean*float64(len(word)))
		switches = max(switches, switchesIn(word))
	}

	if switches >= randomSwitches {
		return true
	}

	mean := randomMean
	if text == strings.ToLower(text) && !strings.ContainsAny(text, digitChars) {
		mean = randomLetter
	}

	return total >= mean*count && (highest >= wordExcess || total-ordinaryMean*count >= textExcess)
}

// Values with a name are judged less strictly than any other run of characters: they
// tell when letters and digits alternate often, or when digits and letters mix and no setting looks so.
const (
	manyDigits   = 6
	manySwitches = 4
)

// looksAssigned reports whether the value of a setting looks like a credential.
func looksAssigned(text string) bool {
	if looksRandom(text) || isPhrase(text) {
		return true
	}
	if isSetting(text) || strings.ContainsAny(text, " \t\n") {
		return false
	}

	digits := 0
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			digits++
		}
	}

	switches := switchesIn(text)
	return (digits >= manyDigits && switches > 0) || switches >= manySwitches
}

// switchesIn returns how often a letter follows a digit, or a digit a letter.
func switchesIn(text string) int {
	switches := 0
	var before byte
	for i := range len(text) {
		c := text[i]
		digit := c <= '9'
		if alphanumeric(c) && alphanumeric(before) && digit != (before <= '9') {
			switches++
		}
		before = c
	}

	return switches
}

// isMixed reports whether a text is as password generators make them: small and capital letters, digits and at least
// three different signs, no blank, no word of five letters.
func isMixed(text string) bool {
	signs := map[rune]bool{}
	for _, r := range text {
		if strings.ContainsRune("!#$%&()*+,;<=>?@[]^{|}~", r) {
			signs[r] = true
		}
	}
	return len(signs) >= 3 && !strings.ContainsAny(text, " \t\n\"'") && !letters.MatchString(text) &&
		strings.ContainsAny(text, digitChars) && text != strings.ToLower(text) && text != strings.ToUpper(text)
}

// surprise returns how many bits a run of letters and digits carries.
func surprise(word string) float64 {
	var before byte
	total := 0.0

	capitals := 0 // in a row
	for i := range len(word) {
		c := word[i]
		total += unexpected(before, c, capitals)
		capitals++
		if c > 'Z' || c < 'A' {
			capitals = 0
		}
		before = c
	}

	return total
}

// unexpected is how many bits c carries after the character before it, 0 at the beginning of a word. Capitals is how
// many capitals in a row end with before.
func unexpected(before, c byte, capitals int) float64 {
	letterBefore := before > '9'
	switch {
	case c == before || (before != 0 && c == before+1):
		return seriesBits
	case c <= '9' && letterBefore:
		return digitBits + switchBits
	case c <= '9':
		return digitBits
	}

	row := 0
	bits := 0.0

	upper := c <= 'Z'
	switch {
	case before != 0 && !letterBefore:
		bits = switchBits
	case letterBefore && upper && capitals == 0: // camelCase
		bits = switchBits
	case letterBefore && !upper && capitals > 1: // HTTPserver
		bits = oddCase
		row = int(before|0x20-'a') + 1
	case letterBefore:
		row = int(before|0x20-'a') + 1
	}

	return bits + float64(bigrams[row][(c|0x20)-'a']-'0')
}
