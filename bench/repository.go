package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"time"
)

const commits = 5000

// repository is a bare git repository that a daemon serves on loopback.
type repository struct{ dir, url string }

// makeRepository makes the repository, the same bytes each time, and serves it until the end of the run.
func (b *bench) makeRepository(ctx context.Context) (*repository, error) {
	dir := filepath.Join(b.work, "git", "repository.git")
	if _, err := output(ctx, "git", "init", "--quiet", "--bare", "--initial-branch=main", dir); err != nil {
		return nil, err
	}
	load := command(ctx, "git", "-C", dir, "-c", "fastimport.unpackLimit=0", "fast-import", "--quiet")
	reader, writer := io.Pipe()
	load.Stdin = reader
	go func() { writer.CloseWithError(writeHistory(writer)) }()
	_, _, err := timed(load)
	_ = reader.CloseWithError(io.ErrClosedPipe)
	if err != nil {
		return nil, err
	}

	size, err := output(ctx, "du", "--summarize", "--human-readable", dir)
	if err != nil {
		return nil, err
	}
	b.report.note("repository of the mirror job: %d commits, %s packed", commits, strings.Fields(size)[0])
	url, err := b.serve(ctx, filepath.Dir(dir))

	return &repository{dir: dir, url: url + "/repository.git"}, err
}

// writeHistory writes a git-fast-import(1) stream. Each commit adds a file that hardly compresses and changes one that
// does, as in a repository with some media in it.
func writeHistory(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	random := rand.NewChaCha8([32]byte{'b', 'e', 'n', 'c', 'h'})
	noise := make([]byte, 19_500)

	sources := map[int]string{}
	for n := 1; n <= commits; n++ {
		fmt.Fprintf(out, "commit refs/heads/main\nmark :%d\ncommitter Bench <bench@example.com> %d +0000\n", n, 1_600_000_000+n*900)
		data(out, fmt.Sprintf("Change %d\n", n))

		if n > 1 {
			fmt.Fprintf(out, "from :%d\n", n-1)
		}

		_, _ = random.Read(noise)
		fmt.Fprintf(out, "M 100644 inline assets/%02d/%d.txt\n", n%50, n)
		data(out, base64.StdEncoding.EncodeToString(noise))
		file := n * 17 % 83
		sources[file] += fmt.Sprintf("func step%d(x int) int { return x + %d }\n", n, n*n)
		fmt.Fprintf(out, "M 100644 inline src/file%d.go\n", file)
		data(out, sources[file])
	}

	return out.Flush()
}

func data(w io.Writer, text string) { fmt.Fprintf(w, "data %d\n%s\n", len(text), text) }

// serve starts git-daemon(1) on a free port of loopback.
func (b *bench) serve(ctx context.Context, dir string) (url string, err error) {
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := free.Addr().String()
	_, port, _ := net.SplitHostPort(address)

	if err := free.Close(); err != nil {
		return "", err
	}
	daemon := command(ctx, "git", "daemon", "--reuseaddr", "--listen=127.0.0.1", "--port="+port, "--base-path="+dir, "--export-all", dir)
	if err := daemon.Start(); err != nil {
		return "", err
	}

	b.cleanup = append(b.cleanup, func() error {
		_ = daemon.Cancel()
		_ = daemon.Wait() // its status is that of the signal
		return nil
	})

	return "git://" + address, reachable(ctx, address)
}

// reachable waits until something listens, for 10 seconds at most.
func reachable(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	for {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for git daemon: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
