package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/local"
)

// chain bounds how many images may lie between an image and its base.
const chain = 100

// baseOf returns the base that an image was baked from, also through other images: that base says how an AMI must boot
// and what it is billed for. A base that is not here is known by its name only, which is enough unless it is an AMI.
func baseOf(ctx context.Context, store *local.Store, img image.Image) (image.Base, error) {
	bases, err := store.Bases(ctx)
	if err != nil {
		return image.Base{}, err
	}

	from := img
	for range chain {
		base, ok := find(bases, from)
		switch {
		case ok:
			return base, nil
		case image.IsAMI(from.Base):
			return image.Base{}, fault.New(fault.NotUsable,
				fmt.Errorf("publish %s: its base %s is not here, which says how the AMI must boot", img.ID, from.Base), "image-builder base pull "+from.Base)
		case !isImage(from):
			return image.Base{Name: from.Base}, nil
		}

		from, err = store.Image(ctx, from.Base)
		if err != nil {
			return image.Base{}, lost(img, err)
		}
	}

	return image.Base{}, fmt.Errorf("publish %s: more than %d images lie between it and its base", img.ID, chain)
}

// isImage reports whether an image was baked from another image, which has no SHA-256.
func isImage(img image.Image) bool {
	return img.BaseSHA256 == "" && strings.HasPrefix(img.Base, "img-")
}

// lost says that an image in between was removed.
func lost(img image.Image, err error) error {
	if missing := (*local.MissingError)(nil); errors.As(err, &missing) {
		return fault.New(fault.NotUsable, fmt.Errorf("publish %s: %s, which it comes from, was removed: what its base is billed for is not known", img.ID, missing.Name),
			"bake it again from a base, or publish an image that was")
	}
	return err
}

// cloned returns the disk that an image's disk was cloned from: that of its base, or of the image that it was baked
// from; "" if it is not here.
func cloned(ctx context.Context, store *local.Store, img image.Image) (string, error) {
	if isImage(img) {
		from, err := store.Image(ctx, img.Base)
		if missing := (*local.MissingError)(nil); errors.As(err, &missing) {
			return "", nil
		}
		return from.Disk, err
	}

	bases, err := store.Bases(ctx)
	if err != nil {
		return "", err
	}
	base, _ := find(bases, img)

	return base.Disk, nil
}

// find returns the base that an image's disk was cloned from: the one of its name, or else one with the same disk.
func find(bases []image.Base, img image.Image) (image.Base, bool) {
	same := func(b image.Base) bool { return b.SHA256 != "" && b.SHA256 == img.BaseSHA256 }
	at := slices.IndexFunc(bases, func(b image.Base) bool { return same(b) && b.Name == img.Base })
	if at < 0 {
		at = slices.IndexFunc(bases, same)
	}
	if at < 0 {
		return image.Base{}, false
	}

	return bases[at], true
}
