package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/guest"
)

const (
	// wakeInterval is how often a guest that does not talk yet is woken. udev looks for new rules at most every 3 s.
	wakeInterval = 4 * time.Second
	// endTimeout bounds how long a machine that was told to switch off may take before that shows.
	endTimeout = 10 * time.Second
)

// Config says which disk to boot for commands, and how.
type Config struct {
	BootConfig
	Shares  []sandbox.Share
	Program string // path of this program, statically linked
}

// Machine is a disk that boots in a virtual machine and takes commands. It has a network card whose network is this
// process's: it reaches what this machine reaches, and nothing reaches it. It satisfies sandbox.Machine, with two
// limits: shares are copies, and what the guest writes to the disk is thrown away.
type Machine struct {
	config Config
	// Accel and Why are as in a BootResult.
	Accel   Accelerator
	Why     string
	streams *streams
	serial  *console
	session *guest.Session
	monitor *monitor
	kill    context.CancelFunc
	ended   chan struct{} // closed when QEMU is gone
}

// Start boots a disk and returns when commands can run. A disk that does not come up yields a *BootError. The caller
// must stop the returned Machine; after an error nothing is left. If KVM fails the guest, it is booted again under
// software emulation.
func Start(ctx context.Context, config Config) (*Machine, error) {
	if err := checkSystemd(ctx, config.Disk); err != nil {
		return nil, err
	}
	if err := sandbox.CheckShares(config.Shares); err != nil {
		return nil, err
	}

	boot, err := complete(config.BootConfig)
	if err != nil {
		return nil, err
	}
	config.BootConfig = boot

	name, _ := system(config.Arch)
	program, err := exec.LookPath(name)
	if err != nil {
		return nil, Preflight(config.Arch)
	}
	accel, why := chooseAccelerator(ctx, program, config.Arch, config.WorkDir)
	m, err := start(ctx, program, config, accel)
	if failed := new(BootError); accel == KVM && errors.As(err, &failed) && failed.Reason == crashMark {
		why = "/dev/kvm is present, but the guest crashed under it"
		m, err = start(ctx, program, config, Emulation)
	}

	if err != nil {
		return nil, err
	}

	m.Why = why
	return m, nil
}

// start is one try.
func start(ctx context.Context, program string, config Config, accel Accelerator) (*Machine, error) {
	m := &Machine{config: config, Accel: accel}
	if err := m.launch(program); err != nil {
		return nil, errors.Join(fmt.Errorf("boot disk: %w", err), m.Stop(ctx))
	}
	if err := m.greeted(ctx); err != nil {
		return nil, errors.Join(err, m.Stop(ctx))
	}
	return m, nil
}

// launch starts QEMU.
func (m *Machine) launch(program string) error {
	arguments, err := m.arguments()
	if err != nil {
		return err
	}
	m.streams, err = newStreams()
	if err != nil {
		return err
	}
	defer m.streams.handed()
	blocks, err := m.config.blocks()
	if err != nil {
		return err
	}
	defer closeAll(blocks)

	ctx, cancel := context.WithCancel(context.Background()) // Stop ends it
	m.kill = cancel
	m.serial = &console{next: m.config.Console, silent: true, stays: true, done: func() {
		if m.serial.failed() != "" {
			cancel() // whoever talks with the guest learns that it is gone
		}
	}}

	emulator := exec.Command(program, arguments...) //nolint:noctx // run ends it with its context, and waits
	emulator.Env = append(os.Environ(), "TMPDIR="+m.config.WorkDir)
	emulator.Stdout = m.serial
	emulator.Stderr = m.serial
	emulator.ExtraFiles = append(m.streams.theirs(), blocks...)
	m.session = guest.Attach(m.streams.talk)
	m.monitor = newMonitor(m.streams.monitor)
	ended := make(chan struct{})
	m.ended = ended
	started := make(chan error, 1)

	go func() {
		defer close(ended)
		_ = runStarted(ctx, emulator, started) // why it ended is seen on its console
	}()

	if err := <-started; err != nil {
		return err
	}
	return m.monitor.command("qmp_capabilities", map[string]any{})
}

// arguments are QEMU's.
func (m *Machine) arguments() ([]string, error) {
	program, err := os.Stat(m.config.Program)
	if err != nil {
		return nil, err
	}
	args, err := arguments(m.config.BootConfig, m.Accel, firstDescriptor+2) // after the two streams
	if err != nil {
		return nil, err
	}

	nic := slices.Index(args, "-nic")
	args = append(slices.Delete(args, nic, nic+2),
		"-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=", // no boot over the network
		"-drive", "if=none,id=program,format=raw,readonly=on,file="+escape(m.config.Program),
		"-device", "virtio-blk-pci,drive=program,serial="+programSerial,
		"-device", "virtio-serial-pci,id=ports,max_ports=31",
		"-chardev", "socket,id=talk,fd=3", "-device", "virtserialport,bus=ports.0,chardev=talk,name="+portName,
		"-chardev", "socket,id=monitor,fd=4", "-mon", "chardev=monitor,mode=control")

	return append(args, credentials(files(program.Size()))...), nil
}

// greeted waits until the guest takes commands, and gives it the shares.
func (m *Machine) greeted(ctx context.Context) error {
	timeout := m.config.Timeout
	if timeout == 0 {
		timeout = map[Accelerator]time.Duration{KVM: 2 * time.Minute, Emulation: 10 * time.Minute}[m.Accel]
	}

	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	go m.wake(bounded)
	err := m.session.Greeted(bounded)

	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("boot disk: %w", cause)
	}

	if err != nil {
		if errors.Is(err, guest.ErrGone) {
			m.awaitEnd()
		}
		late := bounded.Err() != nil
		return &BootError{m.serial.reason(nil, timeout, late), m.serial.lines()}
	}

	cancel()
	return m.give(ctx)
}

// wake lets the guest's udev see its new rule, until the guest talks.
func (m *Machine) wake(ctx context.Context) {
	ticks := time.NewTicker(wakeInterval)
	defer ticks.Stop()
	for range 28 { // ports that the device has
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			_ = m.monitor.wake() // a guest that is gone needs none
		}
	}
}

// Run runs a command as root, and then copies writable shares back.
func (m *Machine) Run(ctx context.Context, command sandbox.Command) error {
	if m.session == nil {
		return errStopped
	}
	err := m.session.Run(ctx, command)
	if err != nil && !errors.As(err, new(sandbox.ExitError)) {
		return m.explain(ctx, err)
	}
	if takeErr := m.take(ctx); takeErr != nil {
		return takeErr
	}

	return err
}

// explain says why a guest is gone.
func (m *Machine) explain(ctx context.Context, err error) error {
	if !errors.Is(err, guest.ErrGone) || context.Cause(ctx) != nil {
		return err
	}
	m.awaitEnd()
	said := ""

	if lines := m.serial.lines(); len(lines) > 0 {
		said = "; the console's last lines:\n  " + strings.Join(lines, "\n  ")
	}

	if failure := m.serial.failed(); failure != "" {
		return fault.New(fault.NotUsable, fmt.Errorf("run in machine: %s%s", failure, said), "")
	}
	return fmt.Errorf("run in machine: %w%s", err, said)
}

// awaitEnd waits for QEMU to end, so that its last words are there.
func (m *Machine) awaitEnd() {
	select {
	case <-m.ended:
	case <-time.After(endTimeout):
	}
}

// Reboot restarts the guest in an orderly way and waits until it takes commands again.
func (m *Machine) Reboot(ctx context.Context) error {
	if m.session == nil {
		return errStopped
	}
	if err := m.monitor.onRestart("reset"); err != nil {
		return fmt.Errorf("reboot machine: %w", err)
	}

	m.serial.again()
	if err := m.session.Send(sandbox.Command{Args: []string{"systemctl", "--no-block", "reboot"}}); err != nil {
		return fmt.Errorf("reboot machine: %w", err)
	}
	if err := m.greeted(ctx); err != nil {
		return fmt.Errorf("reboot machine: %w", err)
	}

	return m.monitor.onRestart("shutdown")
}

// Console returns the last lines of the serial console, also after Stop.
func (m *Machine) Console() []string { return m.serial.lines() }

// Stop ends the guest; what it wrote goes with it. It may be called again.
func (m *Machine) Stop(context.Context) error {
	if m.kill != nil {
		m.kill()
	}

	if m.ended != nil {
		<-m.ended
	}

	if m.session != nil {
		m.session.Close()
		m.session = nil
	}

	if m.streams != nil {
		m.streams.close()
		m.streams = nil
	}

	return nil
}

var errStopped = errors.New("use machine: it is stopped: start another one")
