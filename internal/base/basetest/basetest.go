// Package basetest gives tests a real Debian base, built once on a machine and shared by all tests of all packages.
//
// It holds no disk of its own and fakes nothing: it returns what `base build` makes.
package basetest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"image-builder/internal/base"
	"image-builder/internal/image"
	"image-builder/internal/progress"
)

// Debian returns a base of Debian bookworm with a disk of 3 GiB, of which about 0.5 GiB is data. The first call on a
// machine builds it, which takes about a minute, and keeps it under the user's cache directory until its ingredients
// change. The disk is read-only and shared: clone it. Without root the test is skipped.
func Debian(tb testing.TB) image.Base {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root: builds and mounts disks")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Fatal(err)
	}

	wanted := base.Distribution{Distribution: image.Distribution{Vendor: "debian", Suite: "bookworm"}}
	shelf := filepath.Join(cache, "image-builder", "test-bases")
	if err := os.MkdirAll(shelf, 0o700); err != nil {
		tb.Fatal(err)
	}
	defer lock(tb, filepath.Join(shelf, "lock"))()

	home := filepath.Join(shelf, base.BuildDigest(wanted))
	if found, err := read(home); err == nil {
		return found
	}
	tb.Logf("building %s in %s, about a minute", wanted, home)

	return build(tb, wanted, home)
}

// lock waits until no other process builds, and returns the unlock function.
func lock(tb testing.TB, path string) func() {
	tb.Helper()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		tb.Fatal(err)
	}

	for {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}

	if err != nil {
		tb.Fatal(err)
	}
	return func() { file.Close() }
}

func read(home string) (image.Base, error) {
	var found image.Base
	text, err := os.ReadFile(filepath.Join(home, "base.json"))
	if err != nil {
		return found, err
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return found, err
	}

	found.Disk = filepath.Join(home, "disk.raw")
	_, err = os.Stat(found.Disk)
	return found, err
}

// build builds beside home and moves the finished result there.
func build(tb testing.TB, wanted base.Distribution, home string) image.Base {
	tb.Helper()
	work := home + ".part"
	if err := errors.Join(os.RemoveAll(home), os.RemoveAll(work), os.Mkdir(work, 0o700)); err != nil {
		tb.Fatal(err)
	}
	show := func(e progress.Event) {
		if e.Kind == progress.StageDone {
			tb.Logf("%s: %v", e.Stage, e.Elapsed)
		}
	}

	made, err := base.Maker{Dir: work, Now: time.Now, Progress: show}.Build(tb.Context(), wanted)
	if err != nil {
		tb.Fatal(errors.Join(err, os.RemoveAll(work)))
	}
	text, err := json.Marshal(made)
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(work, "base.json"), text, 0o600), os.Rename(work, home)); err != nil {
		tb.Fatal(err)
	}

	made.Disk = filepath.Join(home, "disk.raw")
	return made
}
