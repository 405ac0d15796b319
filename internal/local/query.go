package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// scanner is one row. Satisfied by *sql.Row and *sql.Rows.
type scanner interface{ Scan(columns ...any) error }

// query returns every row of a statement, read by scan.
func query[T any](ctx context.Context, db *sql.DB, scan func(scanner) (T, error), statement string, args ...any) (all []T, err error) {
	rows, err := db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("query store: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()

	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}

	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("query store: %w", err)
	}
	return all, nil
}
