package local

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"image-builder/internal/image"
)

// bakerVariable makes this test program a process that bakes into the directory it names.
const bakerVariable = "IMAGE_BUILDER_TEST_BAKE_INTO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(bakerVariable); dir != "" {
		if err := bakeInto(dir, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// bakeInto commits one image, or one after the other until it is killed.
func bakeInto(dir string, how string) error {
	ctx := context.Background()
	for {
		s, err := Open(ctx, dir, time.Now)
		if err != nil {
			return err
		}

		if step, ok := strings.CutPrefix(how, "die at "); ok {
			s.reached = func(reached string) {
				if reached == step {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
					<-time.After(time.Minute)
				}
			}
		}

		if digit, ok := os.LookupEnv(baseVariable); ok {
			return changeBase(ctx, s, digit)
		}
		if how == "hold" {
			return holdDatabase(ctx, s)
		}
		if strings.HasSuffix(how, "removed") || strings.HasSuffix(how, "for removal") {
			return s.RemoveImage(ctx, os.Getenv("IMAGE_BUILDER_TEST_IMAGE"), true)
		}

		fmt.Println("open")
		if err := errors.Join(bakeOne(ctx, s), s.Close()); err != nil || how != "forever" {
			return err
		}
	}
}

// holdDatabase keeps the database's write lock until the process is killed.
func holdDatabase(ctx context.Context, s *Store) error {
	return s.transact(ctx, func(*sql.Tx) error {
		fmt.Println("held")
		<-time.After(time.Minute)
		return nil
	})
}

func bakeOne(ctx context.Context, s *Store) error {
	run, err := s.NewRun(ctx)
	if err != nil {
		return err
	}
	img := image.Image{ID: run.ID, Parameter: "/out", Disk: filepath.Join(run.Dir, "disk.raw")}
	if err := os.WriteFile(img.Disk, []byte(strings.Repeat(run.ID, 1000)), 0o400); err != nil {
		return err
	}
	_, err = run.Commit(ctx, img)
	return errors.Join(err, run.Close())
}

func baker(ctx context.Context, dir, how string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], how)
	cmd.Env = append(os.Environ(), bakerVariable+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// A process killed at any moment leaves whole images and, for the next one, nothing else.
func TestKilledWhileCommitting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()

	for n := range 40 {
		killBaker(t, dir, time.Duration(n)*700*time.Microsecond)
		s, err := Open(t.Context(), dir, clock)
		if err != nil {
			t.Fatal(err)
		}
		expectWhole(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killBaker kills a process some time after it opened the store for the first time.
func killBaker(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := baker(t.Context(), dir, "forever")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Error(err)
	}
	<-time.After(after)

	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process ended before it was killed")
	}
}

// expectWhole checks that images, files, events and the parameter agree, and that nothing else is there.
func expectWhole(t *testing.T, s *Store) {
	t.Helper()
	images, err := s.Images(t.Context())

	events, err2 := s.Events(t.Context(), 0)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if len(events) != len(images) {
		t.Fatalf("%d events of %d images", len(events), len(images))
	}

	for i, img := range images {
		if text, err := os.ReadFile(img.Disk); err != nil || string(text) != strings.Repeat(img.ID, 1000) {
			t.Errorf("disk of %s: %d bytes, %v", img.ID, len(text), err)
		}
		if !strings.Contains(events[i].Message, img.ID) {
			t.Errorf("event %d is %s, want %s", i, events[i].Message, img.ID)
		}
	}

	expectFiles(t, filepath.Join(s.dir, imagesDir), len(images))
	expectFiles(t, filepath.Join(s.dir, runsDir), 0)

	if len(images) == 0 {
		return
	}
	newest := images[len(images)-1].ID
	if current, err := s.ParameterVersion(t.Context(), "/out"); err != nil || current.Value != newest || current.Version != len(images) {
		t.Errorf("parameter %+v, %v; want %s, version %d", current, err, newest, len(images))
	}
}

// Eight processes that find no data directory make one store between them.
func TestEightProcessesAtOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")

	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if out, err := baker(t.Context(), dir, "once").Output(); err != nil || string(out) != "open\n" {
				t.Errorf("process: %v, %q", err, out)
			}
		})
	}

	all.Wait()
	s := open(t, dir)
	expectWhole(t, s)
	if images, err := s.Images(t.Context()); len(images) != 8 || err != nil {
		t.Errorf("%d images, %v", len(images), err)
	}
}

// waitForLine starts a process and waits until it has printed a line.
func waitForLine(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
}

// A process killed at any step of a commit leaves the whole image, or nothing; never the rows without the disk.
func TestKilledAtEachStepOfCommit(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]int{"flushed": 0, "moved": 0, "rows written": 0, "committed": 1, "settled": 1} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			expectKilled(t, baker(t.Context(), dir, "die at "+step))

			s := open(t, dir)
			expectWhole(t, s)
			images, err := s.Images(t.Context())

			unnamed, err2 := s.Unnamed(t.Context())
			if err := errors.Join(err, err2); err != nil || len(images) != want || len(unnamed) != 0 {
				t.Errorf("%d images, want %d; unnamed %q, %v", len(images), want, unnamed, err)
			}

			for _, img := range images {
				if isUncommitted(filepath.Dir(img.Disk)) {
					t.Error("the record is still uncommitted")
				}
			}
		})
	}
}

// A process killed at any step of a removal leaves the whole image, or nothing.
func TestKilledAtEachStepOfRemoval(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]int{"marked for removal": 1, "row removed": 0} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			img := commit(t, open(t, dir), "")
			cmd := baker(t.Context(), dir, "die at "+step)
			cmd.Env = append(cmd.Env, "IMAGE_BUILDER_TEST_IMAGE="+img.ID)
			expectKilled(t, cmd)

			s := open(t, dir)
			images, err := s.Images(t.Context())

			unnamed, err2 := s.Unnamed(t.Context())
			if err := errors.Join(err, err2); err != nil || len(images) != want || len(unnamed) != 0 {
				t.Errorf("%d images, want %d; unnamed %q, %v", len(images), want, unnamed, err)
			}
			expectFiles(t, filepath.Join(dir, imagesDir), want)
			expectFiles(t, filepath.Join(dir, runsDir), 0)
		})
	}
}

func expectKilled(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	failed := (*exec.ExitError)(nil)
	err := cmd.Run()
	if !errors.As(err, &failed) {
		t.Fatalf("the process ended by itself: %v", err)
	}
	if status, ok := failed.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the process was not killed: %v", err)
	}
}
