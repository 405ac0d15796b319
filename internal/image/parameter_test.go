package image_test

import (
	"errors"
	"strings"
	"testing"

	"image-builder/internal/image"
)

func TestParameterNames(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		says     string // "" for a name that can be read
		reserved bool   // and cannot be made
	}{
		"/buildkite/agent-ami":               {},
		"agent-ami":                          {},
		"/aws/service/ami":                   {reserved: true},
		"SSM-ami":                            {reserved: true},
		"buildkite/base-ami":                 {says: "begins with /: write /buildkite/base-ami"},
		"/a b":                               {says: "is not a parameter name"},
		"":                                   {says: "is not a parameter name"},
		strings.Repeat("/a", 16):             {says: "at most 15 levels"},
		"/" + strings.Repeat("a", 1011):      {says: "at most 1011 characters"},
		"/" + strings.Repeat("a", 1010):      {},
		"/" + strings.Repeat("a/", 14) + "a": {},
	} {
		err := image.CheckParameterName(name)
		made := image.CheckNewParameterName(name)
		wrong := (*image.NameError)(nil)
		if (err == nil) != (test.says == "") || (err != nil && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), test.says))) {
			t.Errorf("read %q: %v, want %q", name, err, test.says)
		}
		if (made == nil) != (test.says == "" && !test.reserved) {
			t.Errorf("make %q: %v", name, made)
		}
	}
}
