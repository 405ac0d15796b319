package base_test

import (
	"slices"
	"testing"

	"image-builder/internal/base/basetest"
	"image-builder/internal/disk"
	"image-builder/internal/image"
)

func TestDebianIsWhatABakeNeeds(t *testing.T) {
	t.Parallel()
	made := basetest.Debian(t)
	if made.OS == "" || made.Filesystem != disk.Ext4 || !slices.Contains(made.Firmware, image.UEFI) {
		t.Errorf("got %+v", made)
	}
	if made.Size != 3<<30 || made.Data > 900<<20 || made.Data < 100<<20 {
		t.Errorf("size %d, data %d", made.Size, made.Data)
	}
	t.Logf("%+v", made)
}
