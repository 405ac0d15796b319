package boot

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/sandbox/qemu"
)

// Within boots the disk of an image that was just baked, with storage as slow as the budget says, and fails if it takes
// longer to its login prompt. It writes the whole console to the file log.
func (b Boot) Within(ctx context.Context, img image.Image, budget image.BootBudget, log string) (image.ColdBoot, error) {
	defer b.Report.Stage("boot")()
	storage, err := blockserver.StorageNamed(budget.At)
	if err != nil {
		return image.ColdBoot{}, fmt.Errorf("keep boot budget: %w", err)
	}
	config := qemu.BootConfig{Disk: img.Disk, WorkDir: filepath.Dir(img.Disk), Arch: img.Arch}
	m, result, err := b.Traced(ctx, config, storage, log)
	if err != nil {
		return image.ColdBoot{}, err
	}

	cold := image.ColdBoot{
		At: budget.At, Login: image.Duration(result.Elapsed), Budget: image.Duration(budget.Login),
		Waited: image.Duration(m.Waited * float64(time.Second)), Accelerator: string(result.Accel),
	}
	if result.Elapsed <= budget.Login {
		return cold, nil
	}

	return cold, overBudget(cold, m, result)
}

// overBudget says by how much a boot is too slow, and what it waited for.
func overBudget(cold image.ColdBoot, m bootmap.Map, result qemu.BootResult) error {
	text := fmt.Sprintf("keep boot budget: login after %s at %s, and the budget is %s", rounded(time.Duration(cold.Login)), cold.At, time.Duration(cold.Budget))
	if blame := m.Blame(); blame != "" {
		text += "; " + blame
	}
	hint := "bake less into what boots, or raise boot-budget; bake --keep-failed keeps the image, and image boot --cold " + cold.At + " shows all it waits for"
	if result.Accel != qemu.KVM {
		hint += "; the machine was emulated in software, which takes many times as long as an instance"
	}

	return fault.New(fault.NotUsable, errors.New(text), hint)
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
