package qemu

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// streams are what this process and QEMU talk over. They have no names, so nothing of them is left.
type streams struct {
	talk, monitor net.Conn
	others        []*os.File // QEMU's ends
}

func newStreams() (*streams, error) {
	s := &streams{}
	talk, err := s.pair()
	if err != nil {
		return nil, err
	}
	s.talk = talk
	s.monitor, err = s.pair()
	if err != nil {
		s.handed()
		return nil, errors.Join(err, talk.Close())
	}

	return s, nil
}

func (s *streams) pair() (net.Conn, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make socket: %w", err)
	}
	s.others = append(s.others, os.NewFile(uintptr(ends[1]), "qemu"))
	ours := os.NewFile(uintptr(ends[0]), "talk")
	defer ours.Close() // FileConn has a copy
	return net.FileConn(ours)
}

// theirs are QEMU's descriptors 3 and 4.
func (s *streams) theirs() []*os.File { return s.others }

// handed closes this process's copies of QEMU's ends.
func (s *streams) handed() {
	for _, file := range s.others {
		_ = file.Close()
	}
	s.others = nil
}

func (s *streams) close() {
	_ = s.talk.Close() // their other ends are gone
	_ = s.monitor.Close()
}
