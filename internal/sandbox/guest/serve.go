//go:build linux

package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// searchPath finds a command whose own environment has no PATH.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// server is the guest's side.
type server struct {
	line *line
	// files are archives under way, by request.
	files map[int]*incoming
	lock  sync.Mutex // for running
	// running is the request whose command runs; 0: none.
	running int
}

// Serve answers a Session until the stream ends. It runs in the machine, as root, and adopts what commands leave
// behind, so that it can end all of it.
func Serve(ctx context.Context, stream io.ReadWriter) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt processes: %w", err)
	}
	s := &server{line: newLine(stream), files: map[int]*incoming{}}
	if err := s.line.send(message{Kind: hello}); err != nil {
		return fmt.Errorf("greet: %w", err)
	}

	for {
		m, err := s.line.receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.handle(ctx, m)
	}
}

// handle begins what a request asks for. Only a command goes on in the background, so that it can be killed.
func (s *server) handle(ctx context.Context, m message) {
	switch m.Kind {
	case run:
		s.lock.Lock()
		s.running = m.ID
		s.lock.Unlock()
		go s.command(ctx, m)

	case kill:
		s.lock.Lock()
		if s.running == m.ID {
			endDescendants()
		}
		s.lock.Unlock()

	case put:
		s.put(m)
	case show:
		s.finish(m.ID, errors.Join(os.MkdirAll(filepath.Dir(m.Path), 0o755), bindFile(Program, m.Path, true)))
	case get:
		s.finish(m.ID, s.get(m))

	default: // a newer host may say more
	}
}

// finish answers a request; a nil error is success.
func (s *server) finish(id int, err error) {
	answer := message{Kind: done, ID: id}
	if err != nil {
		answer.Text = err.Error()
	}
	_ = s.line.send(answer) // without a stream nobody listens
}

func (s *server) command(ctx context.Context, m message) {
	status, err := s.execute(ctx, m)

	s.lock.Lock()
	s.running = 0
	endDescendants()
	reap()
	s.lock.Unlock()

	answer := message{Kind: done, ID: m.ID, Status: status}
	if err != nil {
		answer.Text = err.Error()
	}

	_ = s.line.send(answer)
}

// execute runs a command and waits for it. What it left in the background is killed then, so that its pipes close.
func (s *server) execute(_ context.Context, m message) (int, error) {
	cmd := exec.Command(find(m.Args[0], m.Env), m.Args[1:]...) //nolint:noctx // killed by request, with all descendants
	cmd.Env = append([]string{}, m.Env...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipes, err := s.connect(cmd, m)
	if err != nil {
		return 0, err
	}

	err = cmd.Start()
	pipes.close()
	if err != nil {
		pipes.wait()
		return notStarted(err), nil
	}

	state, err := cmd.Process.Wait()
	endDescendants()
	pipes.wait()
	if err != nil {
		return 0, err
	}
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		return s.signalled(m, status.Signal()), nil
	}

	return state.ExitCode(), nil
}

// signalled says what ended a command, as a shell does.
func (s *server) signalled(m message, signal syscall.Signal) int {
	name := signal.String()
	_ = s.line.send(message{Kind: stderr, ID: m.ID, Data: []byte(strings.ToUpper(name[:1]) + name[1:] + "\n")})
	return 128 + int(signal)
}

// notStarted is the status that a shell gives for a command that it cannot start.
func notStarted(err error) int {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return 127
	}
	return 126
}

// find looks a command up in the PATH of its own environment.
func find(name string, env []string) string {
	if strings.ContainsRune(name, '/') {
		return name
	}
	path := searchPath
	for _, entry := range env {
		if value, found := strings.CutPrefix(entry, "PATH="); found {
			path = value
		}
	}

	for dir := range strings.SplitSeq(path, ":") {
		candidate := dir + "/" + name
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return candidate
		}
	}

	return name
}

// pipes carry what a command prints.
type pipes struct {
	writers []*os.File
	readers sync.WaitGroup
}

func (p *pipes) close() {
	for _, w := range p.writers {
		_ = w.Close() // the command has its own copy
	}
}

func (p *pipes) wait() { p.readers.Wait() }

func (s *server) connect(cmd *exec.Cmd, m message) (*pipes, error) {
	p := &pipes{}
	out, err := s.pipe(p, m.ID, stdout)
	if err != nil {
		return p, err
	}
	cmd.Stdout = out
	cmd.Stderr = out

	if m.Merge {
		return p, nil
	}

	errs, err := s.pipe(p, m.ID, stderr)
	if err != nil {
		p.close()
		return p, err
	}
	cmd.Stderr = errs

	return p, nil
}

// pipe sends what is written to it as messages of a kind.
func (s *server) pipe(p *pipes, id int, as kind) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.writers = append(p.writers, w)
	p.readers.Go(func() {
		defer r.Close()
		buffer := make([]byte, chunk)
		for {
			n, err := r.Read(buffer)
			if n > 0 {
				_ = s.line.send(message{Kind: as, ID: id, Data: buffer[:n]})
			}
			if err != nil {
				return
			}
		}
	})

	return w, nil
}
