package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"image-builder/internal/patience"
)

// Bounds limits every call and every wait.
type Bounds struct {
	Attempt time.Duration // a call, until its answer is complete
	Total   time.Duration // all attempts of a call together
	Visible time.Duration // until a new snapshot is visible everywhere
	Settle  time.Duration // until a completed snapshot reports it
	First   time.Duration // the longest wait before the second attempt; it doubles with each further one
	Most    time.Duration // the longest wait between attempts, and between two looks at what the service is doing
	Soon    time.Duration // the wait before the second look; half as long again before each further one; 0: a fifth of Most
}

// DefaultBounds let a transfer survive a few minutes without a network.
var DefaultBounds = Bounds{
	Attempt: 15 * time.Second, Total: 5 * time.Minute, Visible: 2 * time.Minute, Settle: time.Hour,
	First: 200 * time.Millisecond, Most: 10 * time.Second, Soon: 20 * time.Millisecond,
}

// caller is the only layer that retries.
type caller struct {
	bounds  Bounds
	window  *window
	retries atomic.Int64
	began   time.Time // when the snapshot was started, if it may not be visible yet; zero: it is visible
}

// call retries a call until it succeeds, fails for good, or reaches its bounds. what is the attempted action, for the
// error.
func (c *caller) call(ctx context.Context, what string, do func(context.Context) error) error {
	if err := c.window.enter(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return c.entered(ctx, what, do)
}

// entered is call for a caller that has entered the window.
func (c *caller) entered(ctx context.Context, what string, do func(context.Context) error) error {
	start := time.Now()
	for attempt := 0; ; attempt++ {
		err := c.attempt(ctx, do)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case !c.passing(err):
			return fmt.Errorf("%s: %w", what, err)
		case time.Since(start) > c.bounds.Total:
			return fmt.Errorf("%s: gave up after %d attempts in %s: %w", what, attempt+1, time.Since(start).Round(time.Second), err)
		}

		c.retries.Add(1)
		err = patience.Sleep(ctx, c.backoff(attempt))
		if err == nil {
			err = c.window.enter(ctx)
		}

		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// attempt makes one call, and leaves the window.
func (c *caller) attempt(ctx context.Context, do func(context.Context) error) error {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, c.bounds.Attempt, fmt.Errorf("%w: no answer within %s", ErrPassing, c.bounds.Attempt))
	defer cancel()

	err := do(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrPassing) {
		err = context.Cause(ctx)
	}

	took := time.Since(began)
	c.window.leave(began, c.outcome(err, took))
	return err
}

func (c *caller) outcome(err error, took time.Duration) int {
	switch {
	case errors.Is(err, ErrThrottled), err != nil && took >= c.bounds.Attempt:
		return congested
	case err != nil, took > c.bounds.Attempt/slow:
		return steady
	}
	return fast
}

// passing reports whether a retry may succeed.
func (c *caller) passing(err error) bool {
	if errors.Is(err, ErrNotFound) {
		return !c.began.IsZero() && time.Since(c.began) < c.bounds.Visible
	}
	return errors.Is(err, ErrThrottled) || errors.Is(err, ErrPassing)
}

// backoff returns the wait before the attempt after this one: a random time, so that calls that failed together are
// not retried together. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
func (c *caller) backoff(attempt int) time.Duration {
	longest := c.bounds.Most
	if attempt < 16 {
		longest = min(longest, c.bounds.First<<attempt)
	}
	return rand.N(longest + 1)
}
