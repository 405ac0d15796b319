package qemu

import (
	"context"
	"fmt"
	"os"
)

// give copies the shares into the guest.
func (m *Machine) give(ctx context.Context) error {
	for _, share := range m.config.Shares {
		var err error
		if share.Source == m.config.Program {
			err = m.session.Show(ctx, share.Target)
		} else {
			err = m.session.Put(ctx, share)
		}
		if err != nil {
			return m.explain(ctx, err)
		}
	}

	return nil
}

// take copies writable shares back.
func (m *Machine) take(ctx context.Context) error {
	for _, share := range m.config.Shares {
		info, err := os.Stat(share.Source)
		if err != nil {
			return fmt.Errorf("fetch share: %w", err)
		}
		if share.ReadOnly || !info.IsDir() {
			continue
		}
		if err := m.session.Get(ctx, share); err != nil {
			return m.explain(ctx, err)
		}
	}

	return nil
}
