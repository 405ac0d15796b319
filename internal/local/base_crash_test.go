package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/image"
)

// baseVariable makes the process of a crash test change the base bookworm instead of baking: it names the digit of the
// disk to commit, or is empty to remove the base.
const baseVariable = "IMAGE_BUILDER_TEST_BASE"

func changeBase(ctx context.Context, s *Store, digit string) error {
	if digit == "" {
		return s.RemoveBase(ctx, "bookworm")
	}
	run, err := s.NewRun(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(run.Dir, "disk.raw"), []byte(digit), 0o400); err != nil {
		return err
	}

	_, err = run.CommitBase(ctx, image.Base{Name: "bookworm", SHA256: strings.Repeat(digit, 64)})
	return errors.Join(err, run.Close())
}

// killBase runs a change of the base bookworm in a process that is killed at a step.
func killBase(t *testing.T, dir, step, digit string) {
	t.Helper()
	cmd := baker(t.Context(), dir, "die at "+step)
	cmd.Env = append(cmd.Env, baseVariable+"="+digit)
	expectKilled(t, cmd)
}

// expectBase checks that the store holds exactly the base of a digit, whole, or none for "", and no remains.
func expectBase(t *testing.T, dir, digit string) {
	t.Helper()
	s := open(t, dir)
	bases, err := s.Bases(t.Context())

	unnamed, err2 := s.Unnamed(t.Context())
	if err := errors.Join(err, err2); err != nil || len(bases) != len(digit) || len(unnamed) != 0 {
		t.Errorf("bases %v, want %d; unnamed %q, %v", bases, len(digit), unnamed, err)
	}

	for _, base := range bases {
		if text, err := os.ReadFile(base.Disk); string(text) != digit || err != nil {
			t.Errorf("the disk reads %q, want %q: %v", text, digit, err)
		}
		if isUncommitted(filepath.Dir(base.Disk)) {
			t.Error("the record is still uncommitted")
		}
	}

	expectFiles(t, filepath.Join(dir, basesDir), len(digit))
	expectFiles(t, filepath.Join(dir, runsDir), 0)
}

// A process killed at any step of committing a base leaves the whole base, or none.
func TestKilledAtEachStepOfABaseCommit(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{"flushed": "", "moved": "", "former marked": "", "committed": "a", "settled": "a"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			killBase(t, dir, step, "a")
			expectBase(t, dir, want)
		})
	}
}

// A process killed at any step of replacing a base leaves the old disk or the new one under the name, and only that.
func TestKilledAtEachStepOfABaseReplacement(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{"flushed": "a", "moved": "a", "former marked": "a", "committed": "b", "settled": "b"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			addBase(t, open(t, dir), "bookworm", "a")
			killBase(t, dir, step, "b")
			expectBase(t, dir, want)
		})
	}
}

// A process killed at any step of removing a base leaves the whole base, or none.
func TestKilledAtEachStepOfABaseRemoval(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{"marked for removal": "a", "row removed": ""} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			addBase(t, open(t, dir), "bookworm", "a")
			killBase(t, dir, step, "")
			expectBase(t, dir, want)
		})
	}
}
