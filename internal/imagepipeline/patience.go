package imagepipeline

import (
	"context"
	"errors"
	"time"
)

// patiently asks until there is an answer, or an error that does not pass, or patience has run out.
func patiently[T any](ctx context.Context, wait Wait, every time.Duration, patience int, ask func() (T, error)) (T, error) {
	for misses := 0; ; misses++ {
		answer, err := ask()
		if err == nil || misses >= patience || !passes(err) {
			return answer, err
		}
		if err := wait(ctx, every); err != nil {
			return answer, err
		}
	}
}

// passes tells whether an error may be over a moment later.
func passes(err error) bool {
	var fault passing
	return errors.As(err, &fault) && fault.Passing()
}
