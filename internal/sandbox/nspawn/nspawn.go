// Package nspawn is a sandbox.Machine as a systemd-nspawn container on the mounted root of a raw disk.
//
// The command sees the disk as /, this machine's network and resolver, and /tmp, /run and /dev in memory. It is root
// on the disk but without rights on this machine: a user namespace takes away root's power over the kernel, its
// settings and its devices (see isolation for kernels that cannot map a filesystem's users, and Config.Nesting). It
// shares this machine's network, so it reaches servers on loopback and on abstract sockets. Of the system calls it has those
// that systemd-nspawn allows (see restrict).
//
// The package never writes to the disk on its own account: it removes mount points that it had to create, and
// resolves the image's symbolic links inside the image. It knows nothing of component documents and never looks at
// what a command does.
//
// Written from systemd-nspawn(1), systemd 252; it needs 252 or later.
package nspawn

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"image-builder/internal/disk"
	"image-builder/internal/sandbox"
)

// stopTimeout bounds Stop, whatever happened to its caller's context.
const stopTimeout = 2 * time.Minute

// Config says which disk to bring up, and how.
type Config struct {
	Disk string // a raw disk file; it is written to
	// WorkDir is a directory for this Machine alone; Stop leaves it empty.
	WorkDir string
	Shares  []sandbox.Share
	// Hostname is the machine's name as the command sees it; empty: localhost, which every image can resolve.
	Hostname string
	// Nesting runs the command without a user namespace, because a container daemon needs the real root to write the
	// attributes that it will look for after the boot (trusted.overlay.*). A command can then reach this machine's
	// kernel settings and devices if it tries: only for recipes whose author may be root here.
	Nesting bool
}

// Machine is a disk brought up as a container. It satisfies sandbox.Machine.
type Machine struct {
	config    Config
	name      string
	programs  programs
	mount     *disk.Mount
	memory    *memory
	groups    []string
	isolated  bool
	isolation isolation
	stopped   bool
}

// Start mounts the disk and prepares everything for Run; no process of the machine runs yet. The caller must stop the
// returned Machine; after an error nothing is left.
func Start(ctx context.Context, config Config) (*Machine, error) {
	return start(ctx, config, chooseIsolation)
}

func start(ctx context.Context, config Config, choose choice) (m *Machine, err error) {
	if err := sandbox.CheckShares(config.Shares); err != nil {
		return nil, err
	}
	found, err := findPrograms()
	if err != nil {
		return nil, err
	}

	m = &Machine{config: config, name: machineName(), programs: found}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start machine: %w", err), m.release(ctx))
			m = nil
		}
	}()

	if err := m.isolate(); err != nil {
		return m, err
	}
	m.memory, err = mountMemory(filepath.Join(config.WorkDir, "memory"))
	if err != nil {
		return m, err
	}

	m.groups, err = createGroups(m.name)
	if err != nil {
		return m, err
	}

	if err := m.open(ctx); err != nil {
		return m, err
	}
	m.isolation, err = choose(ctx, config.Nesting, m.shown())
	if err != nil {
		return m, err
	}

	m.memory.owner = m.isolation.root()
	return m, m.memory.fill()
}

// shown lists the filesystems that the container sees.
func (m *Machine) shown() []string {
	paths := []string{m.Root(), m.memory.dir}
	for _, share := range m.config.Shares {
		paths = append(paths, share.Source)
	}
	return paths
}

// machineName is unique, and contains this process's ID, so that leftovers of a killed process can be recognised.
func machineName() string {
	return groupPrefix + strconv.Itoa(os.Getpid()) + "-" + rand.Text()[:8]
}

// isolate makes WorkDir a mount of its own whose unmounts reach every copy of it. Other containers that start in this
// process get a copy of all its mounts; without this they would keep the disk in use after Stop.
func (m *Machine) isolate() error {
	dir := m.config.WorkDir
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s on itself: %w", dir, err)
	}
	m.isolated = true

	for _, flags := range []uintptr{unix.MS_PRIVATE, unix.MS_SHARED} {
		if err := unix.Mount("", dir, "", flags, ""); err != nil {
			return fmt.Errorf("share mounts of %s: %w", dir, err)
		}
	}

	return nil
}

// open mounts the disk, so that device nodes in the image open nothing here.
func (m *Machine) open(ctx context.Context) error {
	if err := os.Mkdir(m.Root(), 0o700); err != nil {
		return err
	}
	mount, err := disk.Open(ctx, m.config.Disk, m.Root())
	if err != nil {
		return errors.Join(err, os.Remove(m.Root()))
	}
	m.mount = mount
	return unix.MountSetattr(unix.AT_FDCWD, m.Root(), 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV})
}

// Root is where the disk's root is mounted on this machine, between Start and Stop. What is in it is the image's:
// open it with os.OpenRoot.
func (m *Machine) Root() string { return filepath.Join(m.config.WorkDir, "root") }

// Reboot empties /run and /tmp; no process outlives a Run anyway.
func (m *Machine) Reboot(context.Context) error {
	if m.stopped {
		return errStopped
	}
	if err := m.memory.clear(); err != nil {
		return fmt.Errorf("reboot machine: %w", err)
	}
	return nil
}

// Stop trims, unmounts and detaches the disk and removes what Start made in WorkDir. It ends within about two
// minutes. It may be called again.
func (m *Machine) Stop(ctx context.Context) error {
	if m.stopped {
		return nil
	}
	var trim error

	if m.mount != nil {
		trim = m.mount.Trim(ctx)
	}

	if err := errors.Join(trim, m.release(ctx)); err != nil {
		return fmt.Errorf("stop machine: %w", err)
	}
	m.stopped = true
	return nil
}

// release lets go of everything that there is so far.
func (m *Machine) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	var errs []error

	if m.mount != nil {
		err := m.mount.Close(ctx)
		if err == nil {
			err = os.Remove(m.Root())
			m.mount = nil
		}
		errs = append(errs, err)
	}

	if m.memory != nil {
		errs = append(errs, m.memory.close())
	}

	errs = append(errs, removeGroups(ctx, m.groups))
	if m.isolated {
		err := unix.Unmount(m.config.WorkDir, unix.UMOUNT_NOFOLLOW)
		m.isolated = err != nil
		errs = append(errs, err)
	}

	return errors.Join(errs...)
}

var errStopped = errors.New("use machine: it is stopped: start another one")
