package bake

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/sandbox"
	"image-builder/internal/secret"
)

// What a disk reads ahead is written before the disk is searched and made read-only.
func TestDiskIsSealedWithWhatItReadsAhead(t *testing.T) {
	t.Parallel()
	d := built(t, nil)
	text := "harmless"
	b := idle(func(_ context.Context, disk, dir string) (image.Prefetch, error) {
		if disk != d.disk() || dir != d.Dir {
			t.Errorf("asked for %s, with %s", disk, dir)
		}
		filled(t, d, func(tree string) { put(t, filepath.Join(tree, "list"), text) })
		return image.Prefetch{Runs: 3}, os.Remove(filepath.Join(d.Dir, "tree"))
	})

	img, err := b.Run(t.Context(), d.again(t))
	if err != nil || img.Prefetch == nil || img.Prefetch.Runs != 3 || img.Searched == nil {
		t.Fatalf("%+v, %v", img, err)
	}
	if info, err := os.Stat(d.disk()); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v", info.Mode(), err)
	}

	text = token
	if _, err := b.Run(t.Context(), d.again(t)); !errors.As(err, new(*LeakError)) {
		t.Errorf("a secret among what is read ahead: %v", err)
	}
}

// A disk that does not stand the boot which its list is made of is kept for a look, if failed disks are.
func TestDiskThatDoesNotBootForItsListIsKept(t *testing.T) {
	t.Parallel()
	d := built(t, nil)
	d.Parameter = "/agent/ami"
	d.KeepFailed = true
	failure := fault.New(fault.NotUsable, errors.New("its first job fails"), "")
	b := idle(func(context.Context, string, string) (image.Prefetch, error) { return image.Prefetch{}, failure })

	img, err := b.Run(t.Context(), d.again(t))
	if !errors.Is(err, failure) || img.Failed != "its first job fails" || img.Parameter != "" || img.Prefetch != nil || img.Searched == nil {
		t.Errorf("%+v, %v", img, err)
	}
	if info, err := os.Stat(d.disk()); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("the disk that is kept: %v, %v", info, err)
	}

	failure = errors.New("this machine has no QEMU")
	if img, err := b.Run(t.Context(), d.again(t)); !errors.Is(err, failure) || img.Failed != "" {
		t.Errorf("not the disk's fault: %+v, %v", img, err)
	}
	d.KeepFailed = false
	failure = fault.New(fault.NotUsable, errors.New("its first job fails"), "")
	if img, err := b.Run(t.Context(), d.again(t)); !errors.Is(err, failure) || img.Failed != "" {
		t.Errorf("failed disks are not kept: %+v, %v", img, err)
	}
}

// again is the definition of a bake that has not begun.
func (d Definition) again(t *testing.T) Definition {
	t.Helper()
	if err := os.Remove(d.disk()); err != nil {
		t.Fatal(err)
	}
	d.Base.Arch = image.HostArch()
	d.Secrets = []secret.Secret{{Name: "token", Value: []byte(token + "\n")}}
	return d
}

// idle is a bake whose machine has nothing to do: there are no documents.
func idle(prefetch func(ctx context.Context, disk, dir string) (image.Prefetch, error)) Bake {
	start := func(context.Context, string, string, []sandbox.Share) (sandbox.Machine, error) {
		return noMachine{}, nil
	}
	return Bake{Now: time.Now, Start: start, Prefetch: prefetch}
}

type noMachine struct{}

func (noMachine) Run(context.Context, sandbox.Command) error { return nil }
func (noMachine) Reboot(context.Context) error               { return nil }
func (noMachine) Stop(context.Context) error                 { return nil }
