package cli

import (
	"context"
	"errors"
	"fmt"

	"image-builder/internal/local"
)

// withStore opens the data directory for a command.
func (e *Env) withStore(ctx context.Context, use func(*local.Store) error) error {
	store, err := e.openStore(ctx)
	if err != nil {
		return err
	}
	return errors.Join(use(store), store.Close())
}

// openStore opens the data directory, and warns of disks missing from the database.
func (e *Env) openStore(ctx context.Context) (*local.Store, error) {
	store, err := local.Open(ctx, e.DataDir, e.Now)
	if err != nil {
		return nil, err
	}

	unnamed, err := store.Unnamed(ctx)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}

	if len(unnamed) > 0 {
		fmt.Fprintf(e.Stderr, "warning: the database does not know %s, such as %s; they are kept: image-builder image adopt takes them back\n",
			count(len(unnamed), "disk"), unnamed[0])
	}

	return store, nil
}
