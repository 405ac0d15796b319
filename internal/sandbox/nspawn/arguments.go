package nspawn

import (
	"strings"
)

// launch runs on this machine as the first process of a pid and mount namespace of its own: it enters the control
// groups, volunteers for the kernel's out-of-memory killer, and hides nspawn's bookkeeping from this machine; then it
// becomes nspawn. What mount would look up in tables and helpers is left out: that takes longer than the mount.
const launch = `set -e
echo 500 >/proc/self/oom_score_adj
[ -d /run/systemd/nspawn ] || mkdir -p /run/systemd/nspawn
mount -n -i -t tmpfs -o mode=0755 tmpfs /run/systemd/nspawn
while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs"; shift; done
shift
exec "$@"`

// arguments are the launching process's arguments; resolver is the file in the image that lists resolvers.
func (m *Machine) arguments(console, resolver string) []string {
	args := []string{"--mount", "--mount-proc", "--propagation", "slave", "--", m.programs.shell, "-c", launch, "launch"}
	args = append(args, m.groups...)
	args = append(args, "--", m.programs.nspawn,
		"--quiet", "--settings=no", "--register=no", "--keep-unit", "--as-pid2",
		"--directory="+m.Root(), "--machine="+m.name, "--hostname="+m.hostname(), "--console="+console,
		"--timezone=off", "--link-journal=no", "--resolv-conf=off",
		"--rlimit=CORE=0")

	args = append(args, m.isolation.arguments()...)
	args = append(args, bind(m.memory.run(), "/run", false, ""), bind(m.memory.tmp(), "/tmp", false, ""),
		bind(m.memory.host(), "/run/host", false, "")) // nspawn remounts what it takes for its own: it must be a mount

	if resolver != "" && m.memory.resolves() {
		args = append(args, bind(m.memory.resolver(), "/"+resolver, false, ""))
	}

	for _, share := range m.config.Shares {
		args = append(args, bind(share.Source, share.Target, share.ReadOnly, m.isolation.shareOption()))
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

func bind(source, target string, readOnly bool, options string) string {
	option := "--bind="
	if readOnly {
		option = "--bind-ro="
	}
	return option + colon.Replace(source) + ":" + colon.Replace(target) + options
}
