package templates_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

// TestSystemPackages installs from Debian's archive a package with a service, behind a policy of the image's own.
func TestSystemPackages(t *testing.T) {
	t.Parallel()
	m := start(t, options{})
	const policy = "/usr/sbin/policy-rc.d"
	m.bash(`printf '#!/bin/sh\nexit 101 # of the image\n' >`+policy, "chmod 0755 "+policy)
	m.bake("packages.yml", parameters{"Packages": "\n ripgrep\tcron\n "})
	if out, err := m.document("packages.yml", "validate", parameters{"Packages": "awk git:amd64 ripgrep=13.0.0-4"}); err != nil && m.bash("dpkg --print-architecture") == "amd64" {
		t.Errorf("a virtual package, an architecture, a version: %v\n%s", err, out)
	}

	contains(t, m.bash("rg --version", "cat "+policy), "ripgrep", "of the image")
	if got := m.bash("find /var/lib/apt/lists /var/cache/apt -type f -not -name lock; ls /tmp | grep packages || true"); got != "" {
		t.Errorf("left behind:\n%s", got)
	}

	for _, test := range []struct{ packages, phase, want string }{
		{"no-such-package-anywhere", "build", "no-such-package-anywhere"},
		{"jq;reboot", "build", "is not a package"},
		{"--allow-downgrades", "build", "is not a package"},
		{"ripgrep no-such-package-anywhere gem:rake npm:yarn", "validate", "not installed: no-such-package-anywhere gem:rake npm:yarn"},
		{"rip", "test", "not installed: rip"},
	} {
		contains(t, m.fails("packages.yml", test.phase, parameters{"Packages": test.packages}), test.want)
	}

	contains(t, m.bash("cat "+policy), "of the image")
}

// TestNpmPackages installs with a real npm from a registry on loopback.
func TestNpmPackages(t *testing.T) {
	t.Parallel()
	m := start(t, options{})
	registry := npmRegistry(t)
	m.bash("echo registry=" + registry + "/ >/etc/npmrc")
	m.bake("packages.yml", parameters{"Packages": "npm:greeter@1.2.3"})
	if got := m.bash("greeter"); got != "hello from greeter 1.2.3" {
		t.Errorf("greeter says %q", got)
	}

	contains(t, m.fails("packages.yml", "validate", parameters{"Packages": "npm:greeter npm:greeter@1.2.4"}), "not installed: npm:greeter@1.2.4")
	if got := m.bash("ls -d /root/.npm /tmp/packages.* 2>/dev/null || true"); got != "" {
		t.Errorf("npm left %s", got)
	}
}

// npmRegistry serves the package greeter 1.2.3, which is one script.
// https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
func npmRegistry(t *testing.T) string {
	t.Helper()
	tarball := npmTarball(t, map[string]string{
		"package/package.json": `{"name": "greeter", "version": "1.2.3", "bin": {"greeter": "greeter.js"}}`,
		"package/greeter.js":   "#!/usr/bin/env node\nconsole.log('hello from greeter ' + require('./package.json').version)\n",
	})

	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	sha1Sum := sha1.Sum(tarball)
	sha512Sum := sha512.Sum512(tarball)
	document, err := json.Marshal(map[string]any{
		"name": "greeter", "dist-tags": map[string]string{"latest": "1.2.3"},
		"versions": map[string]any{"1.2.3": map[string]any{
			"name": "greeter", "version": "1.2.3", "bin": map[string]string{"greeter": "greeter.js"},
			"dist": map[string]string{
				"tarball": server.URL + "/greeter/-/greeter-1.2.3.tgz", "shasum": hex.EncodeToString(sha1Sum[:]),
				"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sha512Sum[:]),
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}

	mux.HandleFunc("GET /greeter", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(document)
	})
	mux.HandleFunc("GET /greeter/-/greeter-1.2.3.tgz", func(w http.ResponseWriter, _ *http.Request) { w.Write(tarball) })

	return server.URL
}

func npmTarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	for name, text := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}

	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}

	return packed.Bytes()
}

// TestGems installs with a real gem from an index on loopback, which the machine's own gem makes.
func TestGems(t *testing.T) {
	t.Parallel()
	m := start(t, options{})
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(m.secrets, "index"))))
	t.Cleanup(server.Close)
	mkdir(t, filepath.Join(m.secrets, "index", "gems"))
	write(t, filepath.Join(m.secrets, "greeter.gemspec"), `Gem::Specification.new("greeter", "1.2.3") { |s|
  s.summary = "greets"; s.authors = ["Ada"]; s.files = ["greeter.rb"]; s.require_paths = ["."]
}
`)

	write(t, filepath.Join(m.secrets, "greeter.rb"), "module Greeter; def self.greet = puts('hello'); end\n")
	m.bake("packages.yml", parameters{"Packages": "ruby"})
	m.bash("cd /tmp/secrets", "export HOME=/tmp", "gem build --quiet --output index/gems/greeter-1.2.3.gem greeter.gemspec", "gem generate_index --quiet --directory index",
		"chmod -R a+rX .", "printf -- '---\\n:sources:\\n- "+server.URL+"/\\n' >/etc/gemrc")
	m.bake("packages.yml", parameters{"Packages": "gem:greeter@1.2.3 gem:greeter"})

	if got := m.bash("ruby -r greeter -e Greeter.greet"); got != "hello" {
		t.Errorf("the gem says %q", got)
	}

	contains(t, m.fails("packages.yml", "validate", parameters{"Packages": "gem:greeter@1.2.4"}), "not installed: gem:greeter@1.2.4")
	if got := m.bash("find $(gem env gemdir)/cache /root/.gem /root/.local -type f 2>/dev/null || true"); got != "" {
		t.Errorf("gem left %s", got)
	}
}
