package cli

import (
	"context"
	"errors"

	"image-builder/internal/recipe"

	"image-builder/internal/bake"
	"image-builder/internal/base"
	"image-builder/internal/disk"
)

// diskCommands attach disks and start containers, which Linux alone can do.
type diskCommands struct {
	Bake  BakeCmd  `cmd:"" help:"Bake an image on this machine."`
	Image ImageCmd `cmd:"" help:"The image store: list, show, export, boot, shell, remove, adopt."`
}

// addFields gives the commands a flag for each field of a recipe.
func (d *diskCommands) addFields() { d.Bake.Flags = recipe.NewFlags() }

// baseDiskCommands are those of base that need a disk.
type baseDiskCommands struct {
	List   BaseListCmd   `cmd:"" help:"List the bases that are here."`
	Build  BaseBuildCmd  `cmd:"" help:"Build a Debian base."`
	Pull   BasePullCmd   `cmd:"" help:"Take a raw or qcow2 disk, from a file or an https URL."`
	Remove BaseRemoveCmd `cmd:"" help:"Remove a base. Images baked from it stay."`
}

// codeOfBake finds the code of a bake that failed; false if none did.
func codeOfBake(err error) (Code, bool) {
	switch {
	case isA[*bake.LeakError](err):
		return SecretFound, true
	case isA[*bake.StepError](err):
		return StepFailed, !errors.Is(err, context.DeadlineExceeded)
	}
	return Done, false
}

// codeOfDisk finds the code of what is wrong with a disk or a base; StepFailed for what is neither.
func codeOfDisk(err error) Code {
	switch {
	case isA[*disk.Unusable](err), isA[*disk.Damaged](err):
		return NotUsable
	case isA[*disk.Missing](err), errors.Is(err, disk.ErrFull):
		return BadMachine
	case isA[*base.Unresolved](err):
		return NotUsable
	}
	return StepFailed
}

// stepLog returns the log of the step that failed, and its last lines; "" if the error is of no step.
func stepLog(err error) (log string, tail []string) {
	if step := (*bake.StepError)(nil); errors.As(err, &step) {
		return step.Step.Log, step.Tail
	}
	return "", nil
}
