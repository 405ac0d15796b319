package component

import (
	"strings"
	"testing"
)

// A secret is masked anywhere in a line, also where the line is cut into pieces.
func TestLongLinesAreMaskedBeforeTheyAreCut(t *testing.T) {
	t.Parallel()
	const secret = "looked-up-secret-value"
	for _, place := range []int{0, 100, 4096 - 5, longestPiece - len(secret), longestPiece - 5, longestPiece, 2*longestPiece - 5, 3*longestPiece - 1} {
		for _, size := range []int{1, 7, 4096, 1 << 20} {
			mask := &masker{}
			mask.learn(secret)
			var out strings.Builder
			lines := 0
			s := &stream{mask: mask, keep: tailKept, line: func(text string, more bool) {
				out.WriteString(mask.hide(text))
				if !more {
					lines++
				}
			}}

			line := strings.Repeat("é", place/2) + secret + strings.Repeat("x", 100)
			for rest := line + "\n"; rest != ""; rest = rest[min(size, len(rest)):] {
				if _, err := s.Write([]byte(rest[:min(size, len(rest))])); err != nil {
					t.Fatal(err)
				}
			}

			want := strings.ReplaceAll(line, secret, "***")
			if out.String() != want || lines != 1 {
				t.Errorf("place %d, writes of %d: %d lines, wrong text of %d bytes, want %d", place, size, lines, out.Len(), len(want))
			}
		}
	}
}

// The end of the standard error that a failure quotes is masked before it is cut.
func TestQuotedEndIsMaskedBeforeItIsCut(t *testing.T) {
	t.Parallel()
	const secret = "looked-up-secret-value"
	mask := &masker{}
	mask.learn(secret)

	for cutAt := range len(secret) {
		s := &stream{mask: mask, keep: tailKept, line: func(string, bool) {}}
		if _, err := s.Write([]byte("begin " + secret + strings.Repeat("x", tailSize-len(secret)+cutAt))); err != nil {
			t.Fatal(err)
		}
		if end := s.end(); strings.Contains(end, secret[len(secret)-4:]) {
			t.Errorf("cut after %d bytes of the secret, the end shows it: %.40s", cutAt, end)
		}
	}
}

// An output that was cut to save memory does not end with the beginning of a secret in the log.
func TestCutOutputsEndMasked(t *testing.T) {
	t.Parallel()
	const secret = "looked-up-secret-value"
	mask := &masker{}
	mask.learn(secret)
	text := strings.Repeat("x", maxText-10) + secret[:10]
	got := mask.outputs([]Outputs{{"stdout": text}})[0]["stdout"]
	if !strings.HasSuffix(got, "xx***") {
		t.Errorf("the output ends with %q", got[len(got)-12:])
	}

	short := mask.outputs([]Outputs{{"stdout": "a look"}})[0]["stdout"]
	if short != "a look" {
		t.Errorf("a whole output becomes %q", short)
	}
}
