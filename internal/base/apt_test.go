package base

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"image-builder/internal/disk"
	"image-builder/internal/image"
)

func TestOnlySourcesOfTheSuiteAreUsed(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]bool{
		"bookworm": true, "bookworm-updates": true, "bookworm-security": true,
		"bookworm-backports": false, "trixie": false, "bookwormish": false,
	} {
		if got := belongs(release, "bookworm"); got != want {
			t.Errorf("%s: got %v", release, got)
		}
	}
}

func TestPasswordsOfSourcesStayOut(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://mirror.example/debian": false, "https://me:hush@mirror.example/debian": true,
		"https://me@mirror.example/debian": true, "file:/srv/mirror": false, "https://%zz": true,
	} {
		if got := hasUser(address); got != want {
			t.Errorf("%s: got %v", address, got)
		}
	}
}

func debian(suite, mirror string, size int64) Distribution {
	return Distribution{Distribution: image.Distribution{Vendor: "debian", Suite: suite}, Mirror: mirror, Size: size}
}

func TestBuildRefusesWhatItCannotBuild(t *testing.T) {
	t.Parallel()
	for reason, d := range map[string]Distribution{
		"is not a suite of Debian":  debian("Bookworm; rm -rf /", "", 0),
		"without user and password": debian("bookworm", "https://me:hush@mirror.example/debian", 0),
		"too small":                 debian("bookworm", "", 5),
		"is not a distribution":     {Distribution: image.Distribution{Vendor: "fedora", Suite: "rawhide"}},
	} {
		m := maker(t)
		if _, err := m.Build(t.Context(), d); err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v, want one that says %q", err, reason)
		}
	}
}

// Real mmdebstrap and apt try archives that cannot serve a build.
func TestArchivesThatCannotServe(t *testing.T) {
	t.Parallel()
	needRoot(t)

	if err := BuildPreflight(); err != nil {
		t.Skip(err)
	}

	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	unsigned := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) != "Release" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "Origin: Test\nSuite: noble\nCodename: noble\nArchitectures: amd64 arm64\nComponents: main universe\nDate: %s\nSHA256:\n",
			time.Now().UTC().Format(time.RFC1123))
	}))

	t.Cleanup(unsigned.Close)
	const closed = "http://127.0.0.1:1" // a server's own port, once it is closed, can be given to another process

	for name, test := range map[string]struct {
		vendor, suite, mirror, says string
	}{
		"Debian, out of reach": {"debian", "bookworm", closed, "the archive cannot be reached"},
		"Ubuntu, out of reach": {"ubuntu", "noble", closed, "the archive cannot be reached"},
		"Debian without suite": {"debian", "bookwrm", empty.URL, "the archive does not have this suite"},
		"Ubuntu without suite": {"ubuntu", "nobel", empty.URL, "the archive does not have this suite"},
		"Ubuntu, not signed":   {"ubuntu", "noble", unsigned.URL, "apt-get install ubuntu-keyring"},
		"Debian, not signed":   {"debian", "noble", unsigned.URL, "apt-get install debian-archive-keyring"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Distribution{Distribution: image.Distribution{Vendor: test.vendor, Suite: test.suite}, Mirror: test.mirror}
			_, err := maker(t).Build(t.Context(), d)
			if err == nil || !strings.Contains(err.Error(), "build base "+test.vendor+":"+test.suite+": ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want one that says %q", err, test.says)
			}
		})
	}
}

func TestSourcesOfADistribution(t *testing.T) {
	t.Parallel()
	there := filepath.Join(t.TempDir(), "keys.gpg")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const mirror = "http://mirror.example/ubuntu"

	for name, test := range map[string]struct {
		keyring, mirror, want string
		missing               bool
	}{
		"default":                   {there, "", "--components=main universe", false},
		"default without keys":      {"/absent", "", "", true},
		"mirror":                    {there, mirror, "deb [signed-by=" + there + "] " + mirror + " of-test main universe", false},
		"mirror with keys of apt's": {"/absent", mirror, "deb " + mirror + " of-test main universe", false},
	} {
		d := Distribution{Distribution: image.Distribution{Vendor: "ubuntu", Suite: "of-test"}, Mirror: test.mirror}
		v := vendor{components: "main universe", keyring: test.keyring, source: "ubuntu-keyring"}
		args, err := maker(t).aptArguments(t.Context(), d, v)
		lacks := (*disk.Missing)(nil)
		if errors.As(err, &lacks) != test.missing || (test.missing && lacks.Package != "ubuntu-keyring") {
			t.Errorf("%s: %v", name, err)
		}
		if !test.missing && !slices.Contains(args, test.want) {
			t.Errorf("%s: got %q, want %q among them", name, args, test.want)
		}
	}
}

func TestWithoutNoise(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"I: running apt-get update...":                                                              "running apt-get update...",
		"I: chroot architecture amd64 is equal to the host's architecture":                          "",
		"I: success in 96.1 seconds":                                                                "",
		"W: Download is performed unsandboxed as root as file /x couldn't be accessed by user _apt": "",
		"W: the archive is old":                                                                     "W: the archive is old",
		"E: Failed to fetch":                                                                        "E: Failed to fetch",
	} {
		if got := withoutNoise(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}
