package component

import (
	"testing"

	"image-builder/internal/finding"
)

func TestUnclosedQuoteIsFoundWhereItOpens(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text   string
		line, column int
	}{
		{"swallows keys", "schemaVersion: 1.0\nphases:\n  - name: \"build\n    steps:\n      - name: A\n        action: \"ExecuteBash\"\n", 3, 11},
		{"single quote", "schemaVersion: 1.0\nphases:\n  - name: 'build\n    steps:\n      - action: 'Reboot'\n", 3, 11},
		{"a text over two lines is fine", "schemaVersion: 1.0\ndescription: \"a\n  b\"\nphases: [\n", 5, 1},
		{"an escaped quote does not close", "name: \"a \\\" b\nschemaVersion: \"1.0\"\n", 1, 7},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, found := Parse("x.yml", []byte(test.text))
			if len(found) != 1 || found[0].Code != finding.Syntax || found[0].Line != test.line || found[0].Column != test.column {
				t.Fatalf("got %v, want %d:%d", found, test.line, test.column)
			}
		})
	}
}
