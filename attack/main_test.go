package main

import (
	"errors"
	"testing"
)

// An attack that was cut short, or that could not be made, is never a success; a broken promise outranks both.
func TestVerdict(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		found  findings
		err    error
		status int
		line   string
	}{
		"held":               {findings{attacks: 7}, nil, 0, "7 attacks finished, no promise broke"},
		"broken":             {findings{attacks: 7, broken: 2}, nil, 1, "2 attempts broke a promise"},
		"cut short":          {findings{attacks: 7, unfinished: []string{"a", "b"}}, nil, 2, "not finished: a, b"},
		"broken, cut short":  {findings{broken: 1, unfinished: []string{"a"}}, nil, 1, "1 attempts broke a promise; not finished: a"},
		"could not be made":  {findings{}, errors.New("no disk"), 2, "no disk"},
		"broken before that": {findings{broken: 1}, errors.New("no disk"), 1, "1 attempts broke a promise; no disk"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, line := test.found.verdict(test.err); status != test.status || line != test.line {
				t.Errorf("status %d, %q; want %d, %q", status, line, test.status, test.line)
			}
		})
	}
}
