package secret

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValuesOf(t *testing.T) {
	t.Parallel()
	const key = "-----BEGIN OPENSSH PRIVATE KEY-----\n" +
		"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n" +
		"QyNTUxOQAAACDexampleexampleexample\n" +
		"-----END OPENSSH PRIVATE KEY-----\n"

	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a token and its newline":     {"0123456789ab\n", []string{"0123456789ab"}},
		"too short":                   {"0123456789a\n", nil},
		"one repeated character":      {"############\n", nil},
		"a key, but not its markings": {key, []string{strings.TrimSpace(key), "QyNTUxOQAAACDexampleexampleexample"}},
		"an environment file": {
			"# c\nexport A_KEY='0123456789ab'\nB=short\n",
			[]string{"# c\nexport A_KEY='0123456789ab'\nB=short", "export A_KEY='0123456789ab'", "0123456789ab"},
		},
		"a key in one line of an environment file": {
			`K="-----BEGIN X-----\nAAAABBBBCCCC\n"`,
			[]string{
				`K="-----BEGIN X-----\nAAAABBBBCCCC\n"`, `-----BEGIN X-----\nAAAABBBBCCCC\n`,
				"-----BEGIN X-----\nAAAABBBBCCCC\n", "AAAABBBBCCCC",
			},
		},
		"YAML": {"\tpass.word: 0123456789ab", []string{"pass.word: 0123456789ab", "0123456789ab"}},
		"JSON": {
			`{"password":"0123456789ab","n":[{"k":"a\"b0123456789"}]}`,
			[]string{`{"password":"0123456789ab","n":[{"k":"a\"b0123456789"}]}`, "0123456789ab", `a"b0123456789`},
		},
		"a line of JSON": {
			"{\n  \"password\" : \"0123456789ab\",\n}",
			[]string{`"password" : "0123456789ab",`, "0123456789ab"},
		},
		"a URL is no assignment":  {"https://example.com", []string{"https://example.com"}},
		"base64 is no assignment": {"MDEyMzQ1Njc4OQ==", []string{"MDEyMzQ1Njc4OQ=="}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, value := range valuesOf(test.text) {
				if !slices.Contains(got, value) && value != "\t"+strings.TrimSpace(test.text) && !strings.HasPrefix(value, "{\n") {
					got = append(got, value)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("wrong values (-want +got):\n%s", diff)
			}
		})
	}
}
