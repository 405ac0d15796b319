//go:build linux

package firstjob

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// place is where the agent's user finds what it needs, in memory.
	place    = "/run/image-builder-job"
	agentLog = place + "/agent.log"
)

// show returns a path at which every user may run a program. A machine's /run may be too small for a copy of one that they
// may run already.
func show(program string) (string, error) {
	if err := os.MkdirAll(place, 0o755); err != nil {
		return "", err
	}
	info, err := os.Stat(program)
	if err != nil || info.Mode()&0o005 == 0o005 {
		return program, err
	}

	target := place + "/image-builder"
	content, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}

	return target, os.WriteFile(target, content, 0o755)
}

func hide() error { return os.RemoveAll(place) }

// addAddress gives the loopback card an address besides its own. netdevice(7)
func addAddress(address [4]byte) error {
	return errors.Join(setAddress(unix.SIOCSIFADDR, address), setAddress(unix.SIOCSIFNETMASK, [4]byte{255, 255, 255, 255}))
}

// removeAddress takes it back.
func removeAddress() error { return setAddress(unix.SIOCSIFADDR, [4]byte{}) }

func setAddress(request uint, address [4]byte) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	card, err := unix.NewIfreq("lo:job")
	if err == nil {
		err = card.SetInet4Addr(address[:])
	}
	if err == nil {
		err = unix.IoctlIfreq(socket, request, card)
	}

	if err != nil {
		err = fmt.Errorf("set an address of the loopback card: %w", err)
	}
	return errors.Join(err, unix.Close(socket))
}
