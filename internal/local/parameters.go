package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// maxParameterValue is how many bytes SSM's standard parameters hold.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
const maxParameterValue = 4096

// Parameter is a named value that outlives bakes: the stand-in for an SSM parameter.
type Parameter struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Version int       `json:"version"` // counts from 1
	Changed time.Time `json:"changed"`
}

// CheckParameter checks whether SSM would accept the name and the value.
func CheckParameter(name, value string) error {
	if err := image.CheckNewParameterName(name); err != nil {
		return fault.New(fault.BadInput, fmt.Errorf("check parameter: %w", err), "")
	}
	switch {
	case value == "":
		return fault.New(fault.BadInput, fmt.Errorf("check parameter %s: its value must not be empty", name), "")
	case len(value) > maxParameterValue:
		return fault.New(fault.BadInput, fmt.Errorf("check parameter %s: its value must not be longer than %d bytes, not %d", name, maxParameterValue, len(value)), "")
	}
	return nil
}

// Parameter returns the value of a parameter, or a MissingError.
func (s *Store) Parameter(ctx context.Context, name string) (string, error) {
	parameter, err := s.ParameterVersion(ctx, name)
	return parameter.Value, err
}

// ParameterVersion returns a parameter with its version and the time of its last change, or a MissingError.
func (s *Store) ParameterVersion(ctx context.Context, name string) (Parameter, error) {
	row := s.db.QueryRowContext(ctx, "SELECT name, value, version, changed FROM parameters WHERE name = ?", name)
	parameter, err := scanParameter(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Parameter{}, fault.New(fault.Done, &MissingError{Kind: "parameter", Name: name}, fmt.Sprintf("image-builder parameter put %s VALUE", name))
	}
	return parameter, err
}

// Parameters returns all parameters by name.
func (s *Store) Parameters(ctx context.Context) ([]Parameter, error) {
	return query(ctx, s.db, scanParameter, "SELECT name, value, version, changed FROM parameters ORDER BY name")
}

// PutParameter sets a parameter and returns its new version. Writing the same value again makes a new version too, as
// in SSM.
func (s *Store) PutParameter(ctx context.Context, name, value string) (int, error) {
	if err := CheckParameter(name, value); err != nil {
		return 0, err
	}
	version := 0
	err := s.transact(ctx, func(tx *sql.Tx) (err error) {
		version, err = putParameter(ctx, tx, name, value, s.now())
		return err
	})
	return version, explain(s.dir, err)
}

func putParameter(ctx context.Context, tx *sql.Tx, name, value string, now time.Time) (int, error) {
	version := 0
	err := tx.QueryRowContext(ctx, `INSERT INTO parameters (name, value, version, changed) VALUES (?, ?, 1, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, version = version + 1, changed = excluded.changed
		RETURNING version`, name, value, timestamp(now)).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("put parameter %s: %w", name, err)
	}
	return version, nil
}

func scanParameter(row scanner) (Parameter, error) {
	var parameter Parameter
	changed := ""
	if err := row.Scan(&parameter.Name, &parameter.Value, &parameter.Version, &changed); err != nil {
		return Parameter{}, fmt.Errorf("read parameter: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, changed)
	if err != nil {
		return Parameter{}, fmt.Errorf("read parameter %s: %w", parameter.Name, err)
	}

	parameter.Changed = at
	return parameter, nil
}
