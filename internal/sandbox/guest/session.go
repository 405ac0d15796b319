package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"image-builder/internal/sandbox"
)

// killTimeout bounds how long a cancelled command may take to end.
const killTimeout = 30 * time.Second

// Session is this machine's side of the talk. Its methods are called one at a time.
type Session struct {
	line     *line
	messages chan message
	// ended is closed when no message will come any more; err says why.
	ended chan struct{}
	err   error
	last  int // request
	quit  context.CancelFunc
}

// Attach talks over a stream. The caller closes the stream, which ends the session.
func Attach(stream io.ReadWriter) *Session {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{line: newLine(stream), messages: make(chan message), ended: make(chan struct{}), quit: cancel}
	go s.read(ctx)
	return s
}

func (s *Session) read(ctx context.Context) {
	defer close(s.ended)

	for {
		m, err := s.line.receive()
		if err != nil {
			s.err = err
			return
		}
		select {
		case s.messages <- m:
		case <-ctx.Done():
			s.err = context.Cause(ctx)
			return
		}
	}
}

// Close forgets what else the guest says.
func (s *Session) Close() { s.quit() }

// Greeted waits until the guest is ready to run commands.
func (s *Session) Greeted(ctx context.Context) error {
	for {
		m, err := s.next(ctx)
		if err != nil {
			return err
		}
		if m.Kind == hello {
			return nil
		}
	}
}

func (s *Session) next(ctx context.Context) (message, error) {
	select {
	case m := <-s.messages:
		return m, nil
	case <-s.ended:
		return message{}, ErrGone
	case <-ctx.Done():
		return message{}, context.Cause(ctx)
	}
}

// answer returns the next message about the last request.
func (s *Session) answer(ctx context.Context) (message, error) {
	for {
		m, err := s.next(ctx)
		if err == nil && m.Kind == hello {
			return m, ErrRestarted
		}
		if err != nil || m.ID == s.last {
			return m, err
		}
	}
}

func (s *Session) request(m message) error {
	s.last++
	m.ID = s.last
	return s.line.send(m)
}

// Run runs a command in the guest as sandbox.Machine's Run does. ErrRestarted and ErrGone say that the machine did not
// outlive it.
func (s *Session) Run(ctx context.Context, command sandbox.Command) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if len(command.Args) == 0 {
		return errors.New("run in machine: no command given")
	}

	merge := oneWriter(command.Stdout, command.Stderr)
	if err := s.request(message{Kind: run, Args: command.Args, Env: command.Env, Merge: merge}); err != nil {
		return ErrGone
	}

	end, err := s.follow(ctx, command)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return s.end(ctx, cause)
	}
	if err != nil {
		return err
	}
	if end.Text != "" {
		return fmt.Errorf("run in machine: %s", end.Text)
	}

	if end.Status != 0 {
		return sandbox.ExitError{Status: end.Status}
	}
	return nil
}

// Send starts a command and does not wait for it: it restarts the machine, and Greeted waits for that.
func (s *Session) Send(command sandbox.Command) error {
	if err := s.request(message{Kind: run, Args: command.Args, Env: command.Env}); err != nil {
		return ErrGone
	}
	return nil
}

// Show shows the guest's own program, which is this one, at another path, for reading only.
func (s *Session) Show(ctx context.Context, target string) error {
	if err := s.request(message{Kind: show, Path: target}); err != nil {
		return ErrGone
	}
	answer, err := s.answer(ctx)
	if err == nil && answer.Text != "" {
		err = errors.New(answer.Text)
	}
	return err
}

// follow hands on what the command prints, until its end.
func (s *Session) follow(ctx context.Context, command sandbox.Command) (message, error) {
	for {
		m, err := s.answer(ctx)
		if err != nil || m.Kind == done {
			return m, err
		}
		to := command.Stdout

		if m.Kind == stderr {
			to = command.Stderr
		}

		if to == nil {
			continue
		}
		if _, err := to.Write(m.Data); err != nil {
			return m, err
		}
	}
}

// end kills the command and waits until all of its processes are gone.
func (s *Session) end(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
	defer cancel()
	if err := s.line.send(message{Kind: kill, ID: s.last}); err != nil {
		return cause // the machine is gone, and all its processes with it
	}

	for {
		m, err := s.answer(ctx)
		switch {
		case errors.Is(err, ErrGone), errors.Is(err, ErrRestarted):
			return cause
		case err != nil:
			return errors.Join(cause, fmt.Errorf("end the machine's processes: some are still there after %s", killTimeout))
		case m.Kind == done:
			return cause
		}
	}
}

// oneWriter reports whether two writers are one; writers that cannot be compared are not.
func oneWriter(a, b io.Writer) bool {
	defer func() { _ = recover() }()
	return a != nil && a == b
}
