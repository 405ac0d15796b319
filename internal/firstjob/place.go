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

// show puts a program where every user may run it, and returns its path there.
func show(program string) (string, error) {
	target := place + "/image-builder"
	if err := os.MkdirAll(place, 0o755); err != nil {
		return "", err
	}
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
