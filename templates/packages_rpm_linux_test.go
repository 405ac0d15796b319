package templates_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rpmTree is a machine with real dnf and rpm in place of apt, whose only repository has packages as Amazon Linux names
// them: languages with their version in the name, tools that no alternative calls by their plain name.
func rpmTree(t *testing.T) *machine {
	t.Helper()
	m := start(t, options{})
	m.bake("packages.yml", parameters{"Packages": "dnf rpm createrepo-c"})

	var specs strings.Builder
	tool := "#!/bin/sh\necho \"$0 $*\" >>/var/log/tools\n[ \"$1\" != env ] || echo /var/lib/gems\n"
	spec := func(name, version string, files ...string) {
		write(t, filepath.Join(m.secrets, name+".spec"), fmt.Sprintf(`Name: %s
Version: %s
Release: 1.amzn2023
Summary: For a test
License: MIT
BuildArch: noarch
AutoReqProv: no
%%description
For a test.
%%install
for file in %s; do install -D -m 0755 /tmp/secrets/tool "%%{buildroot}$file"; done
%%files
%s
`, name, version, strings.Join(files, " "), strings.Join(files, "\n")))
		fmt.Fprintf(&specs, " /tmp/secrets/%s.spec", name)
	}

	write(t, filepath.Join(m.secrets, "tool"), tool)
	spec("greeter", "1.2.3", "/usr/bin/greeter")
	spec("greeter-data", "1.2.3", "/usr/share/greeter/data")
	spec("ruby3.2", "3.2.9", "/usr/bin/ruby3.2")
	spec("ruby3.2-rubygems", "3.2.9", "/usr/bin/gem3.2")
	spec("ruby3.4", "3.4.7", "/usr/bin/ruby3.4")
	spec("ruby3.4-rubygems", "3.4.7", "/usr/bin/gem3.4")
	spec("nodejs20", "20.19.0", "/usr/bin/node-20")
	spec("nodejs20-npm", "20.19.0", "/usr/bin/npm-20")
	spec("nodejs24", "24.11.0", "/usr/bin/node-24")
	spec("nodejs24-npm", "24.11.0", "/usr/bin/npm-24")

	m.bash(`mkdir -p /etc/rpm /etc/yum.repos.d /srv/repository`,
		`echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros`, // Debian's rpm looks elsewhere than its dnf
		`rpmbuild --quiet --define '_topdir /tmp/rpmbuild' --define '_rpmdir /srv/repository' -bb`+specs.String(),
		`createrepo_c --quiet /srv/repository`,
		`printf '[amazonlinux]\nname=For a test\nbaseurl=file:///srv/repository\ngpgcheck=0\n' >/etc/yum.repos.d/amazonlinux.repo`,
		`rm -rf /tmp/rpmbuild`, `mv /usr/bin/apt-get /usr/bin/apt-get.away`)

	return m
}

// TestPackagesOfAmazonLinux runs the document with real dnf and rpm.
func TestPackagesOfAmazonLinux(t *testing.T) {
	t.Parallel()
	m := rpmTree(t)

	// Every way in which dnf takes a package's name.
	m.bake("packages.yml", parameters{"Packages": "greeter greeter-1.2.3 greeter.noarch greeter-1.2.3-1.amzn2023 greeter-1.2.3-1.amzn2023.noarch greeter-d*"})
	contains(t, m.fails("packages.yml", "validate", parameters{"Packages": "greeter greeter-1.2.4 greeter.x86_64 greeting* absent"}),
		"not installed: greeter-1.2.4 greeter.x86_64 greeting* absent")

	// The newest ruby, the node that is pinned.
	out, err := m.document("packages.yml", "build,validate", parameters{"Packages": "nodejs20 gem:rake npm:yarn"})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	contains(t, out, "rubygems: by ruby3.4, the newest of ruby3.2 ruby3.4", "npm: by nodejs20, installed already", "/usr/bin/gem is /usr/bin/gem3.4", "/usr/bin/npm is /usr/bin/npm-20")
	const want = "nodejs20 nodejs20-npm ruby3.4 ruby3.4-rubygems"
	if got := m.bash("rpm -qa --queryformat '%{NAME}\\n' 'ruby*' 'nodejs*' | sort | tr '\\n' ' '"); got != want {
		t.Errorf("installed are %s, want %s", got, want)
	}
	contains(t, m.bash("cat /var/log/tools"), "gem install --no-document rake", "npm install --global --no-audit --no-fund -- yarn")
	if got := m.bash("ls -d /var/cache/dnf 2>/dev/null || true"); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

// TestListsThatAnotherAptHolds waits for the lock that apt itself does not wait for.
func TestListsThatAnotherAptHolds(t *testing.T) {
	t.Parallel()
	m := start(t, options{})
	// The document says that it waits, then sleeps, and with that lets itself go on.
	m.bash(`printf '#!/bin/sh\n>/var/lib/waited\nexec /bin/sleep 1\n' >/usr/local/bin/sleep`, `chmod 0755 /usr/local/bin/sleep`)

	lock, err := os.OpenFile(filepath.Join(m.Root(), "var/lib/apt/lists/lock"), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var holder sync.WaitGroup
	defer holder.Wait()
	holder.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil && !m.exists("/var/lib/waited") {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		lock.Close()
	})

	out, err := m.document("packages.yml", "build,validate", parameters{"Packages": "jq"})
	cancel()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	contains(t, out, "another apt holds the lock of the package lists")
}
