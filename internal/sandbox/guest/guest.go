// Package guest is the talk between this machine and a machine that was started from a disk: a Session on this side,
// Serve on the other. Both sides are this program.
//
// It runs commands, carries files to and fro and reports facts, over any stream of bytes: a virtio-serial port or a
// Unix socket. Messages are JSON objects, one a line. What comes from the other side is hostile: lines and files are
// bounded, and files are written beneath their directory only. The package never starts or stops a machine.
package guest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// maxMessage bounds one message, in bytes; chunk is how much data goes into one.
const (
	maxMessage = 1 << 20
	chunk      = 64 << 10
)

// kind is what a message says.
type kind string

const (
	hello  kind = "hello"  // the guest is ready: the first message after each boot
	run    kind = "run"    // run a command
	kill   kind = "kill"   // end the command
	stdout kind = "stdout" // what the command printed
	stderr kind = "stderr"
	done   kind = "done" // the command ended with Status; files arrived; or Text says why not
	put    kind = "put"  // Data is a piece of a tar archive, for Path
	show   kind = "show" // show Program at Path
	get    kind = "get"  // send what is at Path as a tar archive
	data   kind = "data" // a piece of that archive
)

// message is a line. Which members count depends on Kind.
type message struct {
	Kind kind `json:"kind"`
	// ID numbers requests; answers repeat it, so that a late answer is not taken for another request's.
	ID       int      `json:"id,omitempty"`
	Args     []string `json:"args,omitempty"`
	Env      []string `json:"env,omitempty"`
	Merge    bool     `json:"merge,omitempty"` // one pipe for both streams, so that their order is kept
	Path     string   `json:"path,omitempty"`
	ReadOnly bool     `json:"readOnly,omitempty"`
	File     bool     `json:"file,omitempty"` // Path is a file, not a directory
	More     bool     `json:"more,omitempty"` // further pieces follow
	Data     []byte   `json:"data,omitempty"`
	Status   int      `json:"status,omitempty"`
	Text     string   `json:"text,omitempty"`
}

// Errors of a talk that ended.
var (
	// ErrRestarted says that the machine booted again although it was not asked to.
	ErrRestarted = errors.New("the machine restarted while a command ran")
	// ErrGone says that the stream ended: the machine was switched off, or crashed.
	ErrGone = errors.New("the machine was switched off while a command ran")
)

// line is a stream of messages.
type line struct {
	scan *bufio.Scanner
	lock sync.Mutex // for out
	out  io.Writer
}

func newLine(stream io.ReadWriter) *line {
	scan := bufio.NewScanner(stream)
	scan.Buffer(make([]byte, 0, 4*chunk), maxMessage)
	return &line{scan: scan, out: stream}
}

func (l *line) send(m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	_, err = l.out.Write(append(text, '\n'))
	return err
}

// receive returns the next message. A line that is not one is skipped: a guest that restarts may cut a message off.
func (l *line) receive() (message, error) {
	for l.scan.Scan() {
		var m message
		if json.Unmarshal(l.scan.Bytes(), &m) == nil {
			return m, nil
		}
	}
	if err := l.scan.Err(); err != nil {
		return message{}, fmt.Errorf("read from guest: %w", err)
	}
	return message{}, io.EOF
}
