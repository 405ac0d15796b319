package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// serve answers as S3 does for a release's file, and returns its URL.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL + "/latest/mappings.yml"
}

func fixture(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/mappings.yml")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/yaml")
		_, _ = w.Write(text)
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	mappings, err := Fetch(t.Context(), fixture(t))
	if err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		region, os string
		arch       image.Arch
		want, says string
	}{
		{"eu-central-1", "amazonlinux2023", image.X86_64, "ami-0e11111111111111e", ""},
		{"eu-central-1", "amazonlinux2023", image.ARM64, "ami-0e22222222222222e", ""},
		{"us-east-1", "windows", image.X86_64, "ami-0a33333333333333a", ""},
		{"us-east-1", "ubuntu2404", image.X86_64, "ami-0a44444444444444a", ""},
		{"us-east-1", "ubuntu2404", image.ARM64, "ami-0a55555555555555a", ""},
		{"eu-west-1", "ubuntu2404", image.ARM64, "", "it has amazonlinux2023 on arm64, amazonlinux2023 on x86_64, windows on x86_64: choose with --os and --arch"},
		{"eu-west-1", "windows", image.ARM64, "", "the release has no AMI of windows on arm64 in eu-west-1"},
		{"eu-west-1", "amazonlinux2", image.X86_64, "", "no AMI of amazonlinux2 on x86_64"},
		{"cn-north-1", "ubuntu2404", image.X86_64, "", "the release has no AMIs in cn-north-1; it has some in eu-central-1, eu-west-1, us-east-1"},
	} {
		got, err := mappings.Find(test.region, System{test.os, test.arch})
		said := ""
		if err != nil {
			said = err.Error() + "; " + fault.HintOf(err)
		}
		if got != test.want || !strings.Contains(said, test.says) || (err == nil) != (test.says == "") {
			t.Errorf("%s of %s in %s: %s, %s", test.os, test.arch, test.region, got, said)
		}
	}
}

const mappingsOfOne = "Mappings: {AWSRegion2AMI: {us-east-1: {linuxamd64: ami-0a11111111111111a}}}\n"

func TestHostileFilesAreNoMappings(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("    x: &a [*a, *a, *a]\n", 1000)

	for name, text := range map[string]string{
		"nothing":            "",
		"an error page":      "<html><body>Access Denied</body></html>",
		"no mapping":         "Resources: {}\n",
		"a list":             "Mappings:\n  - AWSRegion2AMI\n",
		"regions in a list":  "Mappings: {AWSRegion2AMI: [us-east-1]}\n",
		"systems in a list":  "Mappings: {AWSRegion2AMI: {us-east-1: [ami-0a11111111111111a]}}\n",
		"the source's":       "Mappings:\n  AWSRegion2AMI: { linuxamd64: !Ref ImageId, linuxarm64: !Ref ImageId }\n",
		"no IDs":             "Mappings: {AWSRegion2AMI: {us-east-1: {linuxamd64: '', windows: 'ami-; rm -rf /'}}}\n",
		"a region of colour": "Mappings: {AWSRegion2AMI: {\"\\e[31m\": {linuxamd64: ami-0a11111111111111a}}}\n",
		"an alias of itself": "Mappings: &a {AWSRegion2AMI: *a}\n",
		"aliases":            "Mappings:\n  AWSRegion2AMI:\n" + many,
		"control characters": "\x00\x01\x02",
		"too much":           mappingsOfOne + strings.Repeat("# long\n", largest/7),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			location := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
			mappings, err := Fetch(t.Context(), location)
			if fault.ClassOf(err) != fault.NotUsable {
				t.Errorf("%v, error %v", mappings, err)
			}
		})
	}
}

// A branch's build has one region, and only some systems.
func TestWhatIsBlankIsNotThere(t *testing.T) {
	t.Parallel()
	mappings, err := Parse([]byte("Mappings:\n  AWSRegion2AMI:\n    us-east-1: { linuxamd64: ami-0a11111111111111a, linuxarm64: '', windows: '' }\n"))
	if err != nil || len(mappings["us-east-1"]) != 1 {
		t.Errorf("%v, %v", mappings, err)
	}
}

func TestDownloadsThatFail(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"not there":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "AccessDenied", http.StatusForbidden) }, "there is no http"},
		"out of order": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) }, "the server answers 503"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("Mappings:\n"))
		}, "unexpected EOF"},
		"in circles": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "stopped after 10 redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if mappings, err := Fetch(t.Context(), serve(t, test.handler)); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, error %v", mappings, err)
			}
		})
	}

	if _, err := Fetch(t.Context(), filepath.Join(t.TempDir(), "no.yml")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Fetch(ctx, fixture(t)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLocation(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]string{
		"latest": "https://s3.amazonaws.com/buildkite-aws-stack/latest/mappings.yml", "v6.71.1": "https://s3.amazonaws.com/buildkite-aws-stack/v6.71.1/mappings.yml",
		"6.71.1": "https://s3.amazonaws.com/buildkite-aws-stack/v6.71.1/mappings.yml", "main": "https://s3.amazonaws.com/buildkite-aws-stack/main/mappings.yml",
		"../other-bucket": "", "": "", "a/b": "", "https://example.com": "",
	} {
		if got, err := Location(release); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %s, %v", release, got, err)
		}
	}
}

// one answers with one AMI, or with an error.
type one struct {
	ami image.AMI
	err error
}

func (o one) AMI(context.Context, string) (image.AMI, error) { return o.ami, o.err }

func TestCheck(t *testing.T) {
	t.Parallel()
	good := image.AMI{ID: "ami-1", Name: "buildkite-stack-linux", Owner: image.Buildkite, State: "available", Arch: image.X86_64}
	change := func(do func(*image.AMI)) image.AMI {
		changed := good
		do(&changed)
		return changed
	}

	for name, test := range map[string]struct {
		ami       image.AMI
		err       error
		os        string
		says      string
		unchecked bool
	}{
		"good":              {ami: good, os: "amazonlinux2023"},
		"another owner's":   {ami: change(func(a *image.AMI) { a.Owner = "111122223333" }), os: "ubuntu2404", says: "ami-1 belongs to account 111122223333, not to Buildkite (172840064832)"},
		"other machine":     {ami: change(func(a *image.AMI) { a.Arch = image.ARM64 }), os: "ubuntu2404", says: "ami-1 is arm64, not x86_64"},
		"Linux for Windows": {ami: good, os: "windows", says: "is not of windows"},
		"Windows for Linux": {ami: change(func(a *image.AMI) { a.Windows = true }), os: "ubuntu2404", says: "is not of ubuntu2404"},
		"pending":           {ami: change(func(a *image.AMI) { a.State = "pending" }), os: "ubuntu2404", says: "not available but pending"},
		"gone":              {err: fmt.Errorf("look: %w", fs.ErrNotExist), os: "ubuntu2404", says: "ami-1 is not in eu-central-1"},
		"denied":            {err: errors.New("not authorized"), os: "ubuntu2404", says: "not authorized", unchecked: true},
	} {
		_, err := Check(t.Context(), one{test.ami, test.err}, "ami-1", "eu-central-1", System{test.os, image.X86_64})
		unchecked := (*Unchecked)(nil)
		if (err == nil) != (test.says == "") || (err != nil && !strings.Contains(err.Error(), test.says)) || errors.As(err, &unchecked) != test.unchecked {
			t.Errorf("%s: %v, want %s", name, err, test.says)
		}
	}
}
