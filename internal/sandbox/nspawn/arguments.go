package nspawn

import (
	"fmt"
	"path"
	"strings"

	"image-builder/internal/sandbox"
)

// everyID maps each user and group to itself, so that files on the disk have the owners that the image means. It is
// one short of all, because programs take the full range for a sign that there is no user namespace.
const everyID = "0:4294967294"

// launch runs on this machine as the first process of a pid and mount namespace of its own: it enters the control
// groups and hides nspawn's bookkeeping from this machine, then becomes nspawn.
const launch = `set -e
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=0755 tmpfs /run/systemd/nspawn
while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs"; shift; done
shift
exec "$@"`

// arguments is what the launching process is called with.
func (m *Machine) arguments(console string, resolver bool) []string {
	args := []string{"--mount", "--mount-proc", "--propagation", "slave", "--", m.programs.shell, "-c", launch, "launch"}
	args = append(args, m.groups...)
	args = append(args, "--", m.programs.nspawn,
		"--quiet", "--settings=no", "--register=no", "--keep-unit", "--as-pid2",
		"--directory="+m.Root(), "--machine="+m.name, "--hostname="+m.hostname(), "--console="+console,
		"--timezone=off", "--link-journal=no", "--resolv-conf=off",
		"--rlimit=CORE=0", "--oom-score-adjust=500")
	if m.config.Nesting {
		args = append(args, "--private-users=no", "--drop-capability=CAP_AUDIT_CONTROL,CAP_SYS_TTY_CONFIG")
	} else {
		args = append(args, "--private-users="+everyID, "--private-users-ownership=off")
	}
	args = append(args, bind(m.memory.run(), "/run", false), bind(m.memory.tmp(), "/tmp", false),
		bind(m.memory.host(), "/run/host", false)) // nspawn remounts what it takes for its own: it must be a mount
	if resolver {
		args = append(args, bind(m.memory.resolver(), "/etc/resolv.conf", false))
	}
	for _, share := range m.config.Shares {
		args = append(args, bind(share.Source, share.Target, share.ReadOnly))
	}
	return append(args, "/bin/sh", commandPath)
}

func (m *Machine) hostname() string {
	if m.config.Hostname == "" {
		return "localhost"
	}
	return m.config.Hostname
}

// colon escapes what nspawn would take for a separator.
var colon = strings.NewReplacer(`\`, `\\`, `:`, `\:`)

func bind(source, target string, readOnly bool) string {
	option := "--bind="
	if readOnly {
		option = "--bind-ro="
	}
	return option + colon.Replace(source) + ":" + colon.Replace(target)
}

// checkShares keeps shares off the disk: what they are mounted on must be in memory.
func checkShares(shares []sandbox.Share) error {
	for _, share := range shares {
		target := path.Clean(share.Target)
		if !strings.HasPrefix(target, "/run/") && !strings.HasPrefix(target, "/tmp/") {
			return fmt.Errorf("share %s at %s: it must be under /run or /tmp, which are not on the disk", share.Source, share.Target)
		}
	}
	return nil
}
