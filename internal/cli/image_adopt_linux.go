package cli

import (
	"context"
	"errors"
	"fmt"

	"image-builder/internal/local"
	"image-builder/internal/terminal"
)

// ImageAdoptCmd is `image adopt`.
type ImageAdoptCmd struct{}

// Help is what --help adds.
func (c *ImageAdoptCmd) Help() string {
	return `Records every image and base in the data directory that the database does not know, because store.db was lost or is
older than they are. Each disk has a record beside it, which is read. Prints the ID of each image and the name of each base.
Parameters and events are not made again: image-builder parameter put sets one.

Example:
  image-builder image adopt`
}

// Run adopts. It opens the data directory without the warning that names this very command.
func (c *ImageAdoptCmd) Run(ctx context.Context, env *Env) error {
	store, err := local.Open(ctx, env.DataDir, env.Now)
	if err != nil {
		return err
	}
	return errors.Join(c.adopt(ctx, env, store), store.Close())
}

func (c *ImageAdoptCmd) adopt(ctx context.Context, env *Env, store *local.Store) error {
	adopted, err := store.Adopt(ctx)
	if env.JSON {
		return errors.Join(env.object(map[string][]string{"adopted": append([]string{}, adopted...)}), err)
	}

	for _, name := range adopted {
		if _, printErr := fmt.Fprintln(env.Stdout, terminal.Harmless(name)); printErr != nil {
			return errors.Join(fmt.Errorf("print result: %w", printErr), err)
		}
	}

	return err
}
