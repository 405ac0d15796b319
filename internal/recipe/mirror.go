package recipe

import "regexp"

// The agent's own expression: negated, an ASCII class matches every other rune as a whole.
var notAlphanumeric = regexp.MustCompile("[[:^alnum:]]")

// MirrorName returns the name of the directory in which the Buildkite agent looks for the mirror of a repository.
// Every rune that is not an ASCII letter or digit becomes '-', and nothing else changes. So the URL must match the
// pipeline's exactly, and URLs that differ only in punctuation share a directory.
func MirrorName(url string) string { return notAlphanumeric.ReplaceAllString(url, "-") }
