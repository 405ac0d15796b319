package image

import "testing"

func TestParseDistribution(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		d     Distribution
		ok    bool
		wrong bool
	}{
		"debian:bookworm":     {Distribution{"debian", "bookworm"}, true, false},
		"ubuntu:noble":        {Distribution{"ubuntu", "noble"}, true, false},
		"ubuntu:of-our-own":   {Distribution{"ubuntu", "of-our-own"}, true, false},
		"ubuntu:24.04":        {Distribution{"ubuntu", "24.04"}, true, true},
		"debian:":             {Distribution{"debian", ""}, true, true},
		"debian:x; rm -rf /":  {Distribution{"debian", "x; rm -rf /"}, true, true},
		"debian":              {},
		"fedora:42":           {},
		"ssm:/buildkite/base": {},
	} {
		d, ok, err := ParseDistribution(text)
		if d != want.d || ok != want.ok || (err != nil) != want.wrong {
			t.Errorf("%s: %+v, %v, %v", text, d, ok, err)
		}
	}
}
