package cli

import (
	"context"
	"fmt"
	"time"

	"image-builder/internal/local"
)

// pollEvery is how often events --follow looks for new ones. Other processes write them, and cannot wake this one.
const pollEvery = 200 * time.Millisecond

// EventsCmd is `events`: the local stand-in for the SNS topic.
type EventsCmd struct {
	Follow bool  `short:"f" help:"Also print new events as they happen, until Ctrl-C."`
	After  int64 `help:"Only events after the numbered one; they count from 1." placeholder:"N" default:"0"`
}

// Help is what --help adds.
func (c *EventsCmd) Help() string {
	return `Prints the messages exactly as subscribers get them, one a line. With --json, one object: {"events": [{number, created,
message}]}, where message is that text; with --follow as well, one such event a line.

Examples:
  image-builder events | tail -1 | jq -r .NewImage.ami
  image-builder events --follow --after 41`
}

// Run prints events. Ctrl-C is the usual end of following, so it is not a failure.
func (c *EventsCmd) Run(ctx context.Context, env *Env) error {
	return env.withStore(ctx, func(store *local.Store) error {
		if !c.Follow {
			return c.list(ctx, env, store)
		}
		err := c.follow(ctx, env, store)
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
}

func (c *EventsCmd) list(ctx context.Context, env *Env, store *local.Store) error {
	events, err := store.Events(ctx, c.After)
	if err != nil {
		return err
	}
	if env.JSON {
		return env.object(map[string][]local.Event{"events": append([]local.Event{}, events...)})
	}

	for _, event := range events {
		if err := env.event(event); err != nil {
			return err
		}
	}

	return nil
}

func (c *EventsCmd) follow(ctx context.Context, env *Env, store *local.Store) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	after := c.After
	for {
		events, err := store.Events(ctx, after)
		if err != nil {
			return err
		}

		for _, event := range events {
			if err := env.event(event); err != nil {
				return err
			}
			after = event.Number
		}

		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// event prints one event on one line.
func (e *Env) event(event local.Event) error {
	if e.JSON {
		return e.object(event)
	}
	if _, err := fmt.Fprintln(e.Stdout, event.Message); err != nil {
		return fmt.Errorf("print event: %w", err)
	}
	return nil
}
