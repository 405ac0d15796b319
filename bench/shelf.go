package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"image-builder/internal/disk"
	"image-builder/internal/image"
)

// shelf is a data directory of the product's, whose images are disks that this program made.
type shelf struct {
	program string
	dir     string
	base    image.Base // of its images; may be the zero Base
}

// adopt makes an image of a disk on the same file system, and returns its ID. Nothing is copied.
func (s *shelf) adopt(ctx context.Context, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	data, err := disk.Data(path)
	if err != nil {
		return "", err
	}

	img := image.Image{
		ID: image.NewID(), Name: "bench", Base: s.base.Name, BaseSHA256: s.base.SHA256, Arch: image.X86_64,
		Firmware: []image.Firmware{image.UEFI, image.BIOS}, Size: info.Size(), Data: data, Created: time.Now(),
	}
	text, err := json.Marshal(img)
	if err != nil {
		return "", err
	}

	if _, err := output(ctx, s.program, "--data-dir", s.dir, "image", "list"); err != nil { // makes the directory
		return "", err
	}
	dir := filepath.Join(s.dir, "images", img.ID)
	err = errors.Join(
		os.MkdirAll(dir, 0o700), os.Link(path, filepath.Join(dir, "disk.raw")), os.WriteFile(filepath.Join(dir, "record.json"), text, 0o600),
	)
	if err != nil {
		return "", fmt.Errorf("make an image of %s: %w", path, err)
	}

	_, err = output(ctx, s.program, "--data-dir", s.dir, "image", "adopt")
	return img.ID, err
}

// pull brings an account's AMI here, which becomes the base.
func (s *shelf) pull(ctx context.Context, a *account) error {
	if _, _, err := timed(a.command(ctx, s.program, "--data-dir", s.dir, "base", "pull", a.ami)); err != nil {
		return err
	}
	records, err := filepath.Glob(filepath.Join(s.dir, "bases", "*", "record.json"))
	if err != nil || len(records) != 1 {
		return errors.Join(fmt.Errorf("find the base in %s: %d records", s.dir, len(records)), err)
	}

	text, err := os.ReadFile(records[0])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &s.base); err != nil {
		return err
	}
	s.base.Disk = filepath.Join(filepath.Dir(records[0]), "disk.raw")

	return nil
}

// change makes a clone of the base in which a nightly bake's part of the blocks changed, and returns how many did.
func (s *shelf) change(ctx context.Context, path string) (changed int, err error) {
	if err := disk.Clone(ctx, path, s.base.Disk, nil); err != nil {
		return 0, err
	}
	return change(path, nightly)
}
