package nspawn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/guest"
)

// DefaultBootTimeout is how long a container's init may take to start the talk. An idle machine needs a second, one with
// a load of 20 on two cores 12.
const DefaultBootTimeout = 3 * time.Minute

// shutdownTimeout bounds an orderly shutdown before a reboot; the container is killed then.
const shutdownTimeout = 30 * time.Second

// BootConfig says how to boot a disk as a container.
type BootConfig struct {
	Config
	Program string        // path of this program, statically linked
	Timeout time.Duration // of a boot; 0: DefaultBootTimeout
	// Console receives what init prints; may be nil.
	Console io.Writer
}

// Booted is a disk whose own init runs in a container. It has a network of its own, which leads nowhere: what the
// init starts does not meet this machine's servers. It satisfies sandbox.Machine.
type Booted struct {
	machine  *Machine
	config   BootConfig
	scaffold *scaffold
	listener *net.UnixListener
	stream   net.Conn
	session  *guest.Session
	console  *tail
	kill     context.CancelFunc
	ended    chan struct{} // closed when the container is gone
}

// Boot mounts the disk and starts its init; it returns when commands can run. The caller must stop the returned
// machine; after an error nothing is left. A disk whose init does not come up yields a *disk.Unusable.
func Boot(ctx context.Context, config BootConfig) (*Booted, error) {
	if config.Timeout == 0 {
		config.Timeout = DefaultBootTimeout
	}

	config.Shares = append([]sandbox.Share{{Source: config.Program, Target: guest.Program, ReadOnly: true}}, config.Shares...)
	machine, err := Start(ctx, config.Config)
	if err != nil {
		return nil, err
	}

	b := &Booted{machine: machine, config: config}
	err = hasInit(machine.Root(), config.Disk)
	if err == nil {
		err = b.boot(ctx)
	}

	if err != nil {
		return nil, errors.Join(err, b.Stop(ctx))
	}
	return b, nil
}

// hasInit refuses a disk whose kernel would find no init; nspawn also takes others.
func hasInit(dir, path string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // it was only read

	target, err := follow(root, "sbin/init")
	if err == nil {
		var info os.FileInfo
		info, err = root.Lstat(target)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return nil
		}
	}

	return fault.New(fault.Done, &disk.Unusable{Path: path, Reason: "it has no init: /sbin/init is not a program"},
		"install systemd-sysv in it, or use another base")
}

// boot starts init and waits until it talks.
func (b *Booted) boot(ctx context.Context) error {
	if err := b.prepare(); err != nil {
		return fmt.Errorf("boot container: %w", err)
	}
	if err := b.launch(); err != nil {
		return fmt.Errorf("boot container: %w", err)
	}

	bounded, cancel := context.WithTimeout(ctx, b.config.Timeout)
	defer cancel()
	err := b.attach(bounded)
	if err == nil {
		err = b.session.Greeted(bounded)
	}

	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	if err != nil {
		return b.explain(err)
	}

	return nil
}

// prepare puts the unit that talks into memory, and opens its socket.
func (b *Booted) prepare() error {
	memory := b.machine.memory
	units := filepath.Join(memory.run(), "systemd/system")
	wants := filepath.Join(units, "sysinit.target.wants")

	talk := filepath.Join(memory.run(), filepath.Base(guest.Directory))
	if err := errors.Join(os.MkdirAll(wants, 0o755), os.Mkdir(talk, 0o700)); err != nil {
		return err
	}

	text := guest.UnitText("", "unix:"+guest.Directory+"/socket")
	err := errors.Join(
		os.WriteFile(filepath.Join(units, guest.Unit), []byte(text), 0o644),
		os.Symlink("../"+guest.Unit, filepath.Join(wants, guest.Unit)),
		// it would change how the root is mounted, which is this machine's affair
		os.Symlink("/dev/null", filepath.Join(units, "systemd-remount-fs.service")))
	if err != nil {
		return err
	}

	if err := b.listen(talk); err != nil {
		return err
	}
	return filepath.WalkDir(memory.run(), func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, memory.give(path))
	})
}

// listen opens the socket through a descriptor of its directory: a socket's path may have 108 bytes only.
func (b *Booted) listen(dir string) error {
	open, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer open.Close()

	b.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/socket", open.Fd()), Net: "unix"})
	if err != nil {
		return err
	}
	b.listener.SetUnlinkOnClose(false) // it goes with the memory

	return nil
}

// launch starts the container.
func (b *Booted) launch() error {
	scaffold, _, err := raise(b.machine.Root(), b.config.Disk)
	if err != nil {
		return err
	}
	b.scaffold = scaffold
	b.console = newTail(b.config.Console)
	launcher := exec.Command(b.machine.programs.unshare) //nolint:noctx // wait kills it, and waits for all of its children
	launcher.Stdout = b.console
	launcher.Stderr = b.console
	launcher.WaitDelay = 5 * time.Second

	launcher.Args = append([]string{"unshare"}, b.machine.bootArguments()...)

	ctx, cancel := context.WithCancel(context.Background()) // Stop ends it
	b.kill = cancel
	ended := make(chan struct{})
	b.ended = ended
	go func() {
		defer close(ended)
		_ = wait(ctx, launcher) // what it meant is seen by the talk
	}()

	return nil
}

// attach waits for the guest to connect.
func (b *Booted) attach(ctx context.Context) error {
	type connection struct {
		stream net.Conn
		err    error
	}
	connected := make(chan connection, 1)
	go func() {
		stream, err := b.listener.Accept()
		connected <- connection{stream, err}
	}()

	select {
	case c := <-connected:
		if c.err != nil {
			return c.err
		}
		b.stream = c.stream
		b.session = guest.Attach(c.stream)
		return nil
	case <-b.ended:
		return errEnded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var errEnded = errors.New("it ended")

// explain says why a boot led to no talk.
func (b *Booted) explain(err error) error {
	reason := fmt.Sprintf("its init starts no commands within %s in a container", b.config.Timeout)
	next := "see the console's last lines; --test vm boots its own kernel"
	ended := errors.Is(err, errEnded) || errors.Is(err, guest.ErrGone)

	said := b.console.String()
	switch {
	case ended && strings.Contains(said, "No space left on device"):
		reason = "its root filesystem is full"
		next = "let the recipe write less, or give it more room with disk:"
	case ended:
		reason = "its init ended while it booted in a container"
	}

	return fault.New(fault.Done, &disk.Unusable{Path: b.config.Disk, Reason: reason + lastLines(said)}, next)
}

// lastLines are what a console showed last.
func lastLines(text string) string {
	const shown = 15
	lines := strings.Split(strings.TrimSpace(text), "\n")
	lines = lines[max(0, len(lines)-shown):]
	if len(lines) == 1 && lines[0] == "" {
		return "; its console shows nothing"
	}
	return "; the console's last lines:\n  " + strings.Join(lines, "\n  ")
}

// bootArguments are the launching process's for a container that boots.
func (m *Machine) bootArguments() []string {
	args := []string{"--mount", "--mount-proc", "--propagation", "slave", "--", m.programs.shell, "-c", launch, "launch"}
	args = append(args, m.groups...)
	args = append(args, "--", m.programs.nspawn,
		"--quiet", "--settings=no", "--register=no", "--keep-unit", "--boot", "--private-network",
		"--directory="+m.Root(), "--machine="+m.name, "--hostname="+m.hostname(), "--console=pipe",
		"--timezone=off", "--link-journal=no", "--resolv-conf=off", "--rlimit=CORE=0")

	args = append(args, m.isolation.arguments()...)
	args = append(args, bind(m.memory.run(), "/run", false, ""), bind(m.memory.tmp(), "/tmp", false, ""),
		bind(m.memory.host(), "/run/host", false, ""))
	for _, share := range m.config.Shares {
		args = append(args, bind(share.Source, share.Target, share.ReadOnly, m.isolation.shareOption()))
	}

	return args
}

// launcherEnvironment is the environment of nspawn itself, which makes no filter of system calls if one holds it already.
func launcherEnvironment(restricted bool) []string {
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "SYSTEMD_LOG_TARGET=console", "TERM=" + os.Getenv("TERM"),
		"SYSTEMD_NSPAWN_LOCK=0", // its lock file would stay in WorkDir when it is killed, and the directory is ours alone
	}
	if restricted {
		env = append(env, "SYSTEMD_SECCOMP=0")
	}
	return env
}
