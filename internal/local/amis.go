package local

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"image-builder/internal/image"
)

// KeepAMI notes that an AMI was made from an image: one for each region. The first record of an AMI stays, so
// publishing again loses nothing of it. Another AMI of the same region replaces the record: the earlier one is gone.
// If the image was removed meanwhile, the error is a MissingError: nothing is noted, and the AMI stays.
func (s *Store) KeepAMI(ctx context.Context, imageID string, published image.Published) error {
	record, err := json.Marshal(published)
	if err != nil {
		return fmt.Errorf("note %s: %w", published.AMI, err)
	}

	err = s.transact(ctx, func(tx *sql.Tx) error {
		there := 0
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM images WHERE id = ?", imageID).Scan(&there)
		if err != nil {
			return fmt.Errorf("note %s: %w", published.AMI, err)
		}
		if there == 0 {
			return &MissingError{Kind: "image", Name: imageID, Why: "it was removed meanwhile"}
		}

		_, err = tx.ExecContext(ctx, `INSERT INTO amis (image, region, ami, record) VALUES (?, ?, ?, ?)
			ON CONFLICT (image, region) DO UPDATE SET ami = excluded.ami, record = excluded.record WHERE ami <> excluded.ami`,
			imageID, published.Region, published.AMI, string(record))
		if err != nil {
			return fmt.Errorf("note %s with image %s: %w", published.AMI, imageID, err)
		}

		return nil
	})

	return explain(s.dir, err)
}
