// Package blockserver shows a disk to a virtual machine block by block: it records what is read, in which order, and can
// make each block slow when it is touched first, as a volume is that EBS loads from a snapshot.
//
// It speaks NBD over a stream without a name, to QEMU's client. It never writes: what a machine writes is QEMU's. What
// files and units are behind the blocks it does not know.
// https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
package blockserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// BlockSize is what a volume loads at once, in bytes.
const BlockSize = 512 << 10

// Read is one request of the machine.
type Read struct {
	At     time.Duration // since the machine was switched on
	Offset int64         // bytes
	Length int64         // bytes
	Waited time.Duration // for blocks that were not loaded
	Beside bool          // other reads were on their way when it came: the machine did not wait for them
}

// mostReads bounds what is recorded of a machine.
const mostReads = 1 << 20

// Server shows one disk. Its methods may be called at any time.
type Server struct {
	disk    io.ReaderAt
	size    int64
	storage Storage

	lock  sync.Mutex // for what follows
	life  *life
	reads []Read
	ended sync.WaitGroup
}

// New returns a server of a disk of size bytes, which the caller keeps open until Close returns.
func New(disk io.ReaderAt, size int64, storage Storage) *Server {
	return &Server{disk: disk, size: size, storage: storage}
}

// life is one machine, from its start on.
type life struct {
	start  time.Time
	loader *loader
	stream net.Conn
	lock   sync.Mutex // for writes to stream
	onWay  int        // reads without an answer; the server's lock is for it
}

// socketpair returns two connected sockets that no program started meanwhile inherits. macOS has no flag for that.
func socketpair() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(ends[0])
		unix.CloseOnExec(ends[1])
	}
	return ends, err
}

// Connect begins a life: a machine that is switched on now, with no block loaded and nothing recorded. It returns the
// machine's end of the stream, which the caller closes. An earlier life ends.
func (s *Server) Connect() (*os.File, error) {
	ends, err := socketpair()
	if err != nil {
		return nil, fmt.Errorf("serve blocks: %w", err)
	}
	theirs := os.NewFile(uintptr(ends[1]), "blocks")
	ours := os.NewFile(uintptr(ends[0]), "blocks")
	stream, err := net.FileConn(ours)
	_ = ours.Close() // FileConn has a copy
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve blocks: %w", err), theirs.Close())
	}

	s.end()
	s.lock.Lock()
	defer s.lock.Unlock()
	l := &life{start: time.Now(), loader: newLoader(s.storage), stream: stream}
	s.life = l
	s.reads = nil
	s.ended.Go(func() {
		_ = s.serve(l) // a machine that goes away is the end
		_ = stream.Close()
	})

	return theirs, nil
}

// Reads returns what the machine read so far, in the order in which it asked.
func (s *Server) Reads() []Read {
	s.lock.Lock()
	defer s.lock.Unlock()
	return append([]Read{}, s.reads...)
}

// Started returns when the last life began.
func (s *Server) Started() time.Time {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.life == nil {
		return time.Time{}
	}
	return s.life.start
}

// Close ends the service, and returns when the disk is not read any more.
func (s *Server) Close() { s.end() }

func (s *Server) end() {
	s.lock.Lock()
	if s.life != nil {
		_ = s.life.stream.Close() // ends serve
		s.life.loader.stop()
	}
	s.lock.Unlock()
	s.ended.Wait()
}

// record notes a read that began, and returns where its waiting time goes.
func (s *Server) record(l *life, r Read) int {
	s.lock.Lock()
	defer s.lock.Unlock()
	r.Beside = l.onWay > 0
	l.onWay++
	if len(s.reads) == mostReads {
		return -1
	}
	s.reads = append(s.reads, r)
	return len(s.reads) - 1
}

// answered notes the end of a read.
func (s *Server) answered(l *life, index int, wait time.Duration) {
	s.lock.Lock()
	defer s.lock.Unlock()
	l.onWay--
	if index >= 0 && index < len(s.reads) {
		s.reads[index].Waited = wait
	}
}
