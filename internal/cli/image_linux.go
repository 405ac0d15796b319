package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/terminal"
)

// ImageCmd is `image`: the image store.
type ImageCmd struct {
	List   ImageListCmd   `cmd:"" help:"List the images, oldest first."`
	Show   ImageShowCmd   `cmd:"" help:"Show an image: its origin, every step, what was proved, what can boot it."`
	Export ImageExportCmd `cmd:"" help:"Copy an image's disk to a file."`
	Boot   ImageBootCmd   `cmd:"" help:"Start an image in a virtual machine and wait for its login prompt."`
	Test   ImageTestCmd   `cmd:"" help:"Boot an image again and run its test phases."`
	Check  ImageCheckCmd  `cmd:"" help:"Report whether an image fits an Elastic CI Stack, before anything is launched from it."`
	Remove ImageRemoveCmd `cmd:"" help:"Remove images and their disks."`
	Adopt  ImageAdoptCmd  `cmd:"" help:"Take back the disks of a lost database."`
	Shell  ImageShellCmd  `cmd:"" help:"Open a root shell in a copy of an image's disk."`
}

// ImageListCmd is `image list`.
type ImageListCmd struct{}

// Help is what --help adds.
func (c *ImageListCmd) Help() string {
	return `Prints a line for each image. An image that is "current" is the value of a parameter; one that "failed" was kept
by bake --keep-failed.

Examples:
  image-builder image list
  image-builder image list --json | jq -r '.images[].id'`
}

// Run lists.
func (c *ImageListCmd) Run(ctx context.Context, env *Env) error {
	return env.withStore(ctx, func(store *local.Store) error {
		images, err := store.Images(ctx)
		if err != nil {
			return err
		}
		if env.JSON {
			return env.object(map[string][]image.Image{"images": append([]image.Image{}, images...)})
		}

		current, err := currentImages(ctx, store)
		if err != nil {
			return err
		}
		if len(images) == 0 {
			fmt.Fprintln(env.Stderr, "no images yet: image-builder bake RECIPE makes one")
			return nil
		}

		var rows [][]string
		for _, img := range images {
			rows = append(rows, imageRow(img, env.Now(), current[img.ID] != nil))
		}

		return env.columns([]string{"ID", "NAME", "BASE", "SIZE", "DATA", "BAKED", "STATE", "AMI"}, rows)
	})
}

func imageRow(img image.Image, now time.Time, current bool) []string {
	state := "-"
	switch {
	case img.Failed != "":
		state = "failed"
	case current:
		state = "current"
	}

	return []string{
		img.ID, terminal.Harmless(img.Name), terminal.Harmless(img.Base), terminal.Size(img.Size), terminal.Size(img.Data),
		humanize.RelTime(img.Created, now, "ago", "from now"), state, amisOf(img),
	}
}

// amisOf lists the AMIs that were made from an image.
func amisOf(img image.Image) string {
	var amis []string
	for _, one := range img.Published {
		amis = append(amis, one.AMI)
	}
	return cmp.Or(strings.Join(amis, ", "), "-")
}

// currentImages returns which parameters name which image.
func currentImages(ctx context.Context, store *local.Store) (map[string][]string, error) {
	parameters, err := store.Parameters(ctx)
	if err != nil {
		return nil, err
	}
	current := make(map[string][]string)
	for _, parameter := range parameters {
		current[parameter.Value] = append(current[parameter.Value], parameter.Name)
	}
	return current, nil
}

// ImageRemoveCmd is `image remove`.
type ImageRemoveCmd struct {
	IDs   []string `arg:"" name:"id" help:"Image, or a unique prefix of its ID." placeholder:"ID"`
	Force bool     `help:"Also remove an image that a parameter names as its current value; the parameter keeps it."`
}

// Help is what --help adds.
func (c *ImageRemoveCmd) Help() string {
	return `Prints the ID of each image that was removed. Bases and other images are not touched.

Example:
  image-builder image remove img-3f0c`
}

// Run removes.
func (c *ImageRemoveCmd) Run(ctx context.Context, env *Env) error {
	return env.withStore(ctx, func(store *local.Store) error {
		removed := []string{}
		var failed error
		for _, name := range c.IDs {
			img, err := store.Image(ctx, name)
			if err == nil {
				err = store.RemoveImage(ctx, img.ID, c.Force)
			}
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			removed = append(removed, img.ID)
		}

		return errors.Join(c.print(env, removed), failed)
	})
}

func (c *ImageRemoveCmd) print(env *Env, removed []string) error {
	if env.JSON {
		return env.object(map[string][]string{"removed": removed})
	}
	for _, id := range removed {
		if _, err := fmt.Fprintln(env.Stdout, id); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
	}
	return nil
}
