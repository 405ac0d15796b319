package local

import (
	"errors"
	"strings"
	"testing"

	"image-builder/internal/fault"
)

func TestCheckParameter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ name, value, error string }{
		"plain":                {name: "agent-ami", value: "x"},
		"a path":               {name: "/buildkite/agent.ami_1", value: "x"},
		"the longest":          {name: strings.Repeat("n", 1011), value: strings.Repeat("v", 4096)},
		"no name":              {name: "", value: "x", error: "letters, digits"},
		"a slash alone":        {name: "/", value: "x"},
		"a blank":              {name: "a b", value: "x", error: "letters, digits"},
		"a second line":        {name: "a\n", value: "x", error: "letters, digits"},
		"a name too long":      {name: strings.Repeat("n", 1012), value: "x", error: "1011 characters"},
		"no value":             {name: "a", value: "", error: "must not be empty"},
		"a value too long":     {name: "a", value: strings.Repeat("v", 4097), error: "4096 bytes, not 4097"},
		"letters beyond SSM's": {name: "ä", value: "x", error: "letters, digits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckParameter(test.name, test.value)
			if (err != nil) != (test.error != "") || (err != nil && !strings.Contains(err.Error(), test.error)) {
				t.Errorf("CheckParameter: %v, want %q", err, test.error)
			}
		})
	}
}

func TestPutParameter(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for version := 1; version <= 3; version++ {
		if got, err := s.PutParameter(t.Context(), "/a", "same"); got != version || err != nil {
			t.Errorf("PutParameter: version %d, %v; want %d", got, err, version)
		}
	}

	if value, err := s.Parameter(t.Context(), "/a"); value != "same" || err != nil {
		t.Errorf("Parameter: %q, %v", value, err)
	}
	_, err := s.Parameter(t.Context(), "/b")

	missing := (*MissingError)(nil)
	if !errors.As(err, &missing) || fault.HintOf(err) != "image-builder parameter put /b VALUE" {
		t.Errorf("Parameter that is not there: %v", err)
	}
	if _, err := s.PutParameter(t.Context(), "/c", ""); err == nil {
		t.Error("an empty value was taken")
	}
	if all, err := s.Parameters(t.Context()); len(all) != 1 || err != nil {
		t.Errorf("Parameters: %v, %v", all, err)
	}
}
