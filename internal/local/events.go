package local

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Event is one message that an SNS topic would have sent.
type Event struct {
	Number  int64     `json:"number"` // grows with every event, never used twice
	Created time.Time `json:"created"`
	Message string    `json:"message"` // the exact message
}

// Events returns the events after the numbered one, oldest first; 0 asks for all.
func (s *Store) Events(ctx context.Context, after int64) ([]Event, error) {
	return query(ctx, s.db, scanEvent, "SELECT number, created, message FROM events WHERE number > ? ORDER BY number", after)
}

func addEvent(ctx context.Context, tx *sql.Tx, message string, now time.Time) error {
	if _, err := tx.ExecContext(ctx, "INSERT INTO events (created, message) VALUES (?, ?)", timestamp(now), message); err != nil {
		return fmt.Errorf("add event: %w", err)
	}
	return nil
}

func scanEvent(row scanner) (Event, error) {
	var event Event
	created := ""
	if err := row.Scan(&event.Number, &created, &event.Message); err != nil {
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, created)
	if err != nil {
		return Event{}, fmt.Errorf("read event %d: %w", event.Number, err)
	}

	event.Created = at
	return event, nil
}
