// Package gitserver is a real OpenSSH server on loopback that serves one private repository to one deploy key. Tests
// and the demo mirror from it. It is not part of the product: it never listens beyond loopback, and its key allows
// only git-upload-pack of that repository.
package gitserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Server serves until it is closed.
type Server struct {
	// URL is the repository as a pipeline would name it: ssh://root@127.0.0.1:40123/acme/monorepo.git.
	URL string
	// PrivateKey is the deploy key, KnownHosts the line that trusts the server's host key, both as file contents.
	PrivateKey, KnownHosts []byte
	// Commit is the commit of the branch main and the tag v1.0, hex.
	Commit string

	listener net.Listener
	sshd     []string
	ends     context.CancelFunc // of every connection
	running  sync.WaitGroup
	log      log
}

// Start makes keys and a repository in dir, which must exist and be private, and serves it until Close. Each
// connection is an sshd of its own (sshd -i), so no daemon can outlive the caller.
func Start(ctx context.Context, dir string) (*Server, error) {
	s := &Server{}
	if err := s.prepare(ctx, dir); err != nil {
		return nil, fmt.Errorf("prepare git server: %w", err)
	}
	var err error
	s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start git server: %w", err)
	}

	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	s.URL = fmt.Sprintf("ssh://%s@%s:%s/acme/monorepo.git", account(), host, port)
	s.KnownHosts = fmt.Appendf(nil, "[%s]:%s %s", host, port, s.KnownHosts)
	ctx, s.ends = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.accept(ctx) })

	return s, nil
}

// Log returns the server's output, for a failed test.
func (s *Server) Log() string { return s.log.String() }

// Close ends the server and all its connections.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.ends()
	s.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) accept(ctx context.Context) {
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.running.Go(func() { s.serve(ctx, connection.(*net.TCPConn)) })
	}
}

func (s *Server) serve(ctx context.Context, connection *net.TCPConn) {
	file, err := connection.File()
	_ = connection.Close() // the file is a copy of it
	if err != nil {
		fmt.Fprintln(&s.log, err)
		return
	}
	defer file.Close()

	cmd := exec.CommandContext(ctx, s.sshd[0], s.sshd[1:]...)
	cmd.Stdin = file
	cmd.Stdout = file
	cmd.Stderr = &s.log
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(&s.log, "sshd:", err)
	}
}

func (s *Server) prepare(ctx context.Context, dir string) error {
	program, err := find("sshd")
	if err != nil {
		return err
	}
	s.Commit, err = makeRepository(ctx, filepath.Join(dir, "monorepo.git"))
	if err != nil {
		return err
	}

	for _, key := range []string{"host", "deploy"} {
		if err := run(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", filepath.Join(dir, key)); err != nil {
			return err
		}
	}

	s.PrivateKey, err = os.ReadFile(filepath.Join(dir, "deploy"))
	if err != nil {
		return err
	}
	s.KnownHosts, err = os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		return err
	}

	s.sshd = []string{program, "-i", "-e", "-f", filepath.Join(dir, "sshd_config")}
	return configure(dir)
}

// configure writes sshd's configuration: one key, which can only fetch from the repository.
func configure(dir string) error {
	public, err := os.ReadFile(filepath.Join(dir, "deploy.pub"))
	if err != nil {
		return err
	}
	authorized := fmt.Sprintf("restrict,command=\"git-upload-pack '%s'\" %s", filepath.Join(dir, "monorepo.git"), public)
	if err := os.WriteFile(filepath.Join(dir, "authorized_keys"), []byte(authorized), 0o600); err != nil {
		return err
	}

	if os.Geteuid() == 0 { // sshd confines itself there before a login; Debian makes it when it starts the service
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return err
		}
	}

	config := []string{
		"HostKey " + filepath.Join(dir, "host"),
		"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
		"AuthenticationMethods publickey",
		"PermitRootLogin prohibit-password",
		"StrictModes no", // dir may lie below /tmp
		"UsePAM no",
		"LogLevel VERBOSE",
	}

	return os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(strings.Join(config, "\n")+"\n"), 0o600)
}

// find looks in PATH and in the directories of root's programs.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find %s: install it: apt-get install openssh-server", name)
}
