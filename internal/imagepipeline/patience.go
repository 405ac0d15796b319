package imagepipeline

import (
	"context"
	"errors"
	"time"
)

// patiently asks until there is an answer, or an error that does not pass, or one too often.
func patiently[T any](ctx context.Context, wait Wait, pace time.Duration, ask func() (T, error)) (T, error) {
	for misses := 0; ; misses++ {
		answer, err := ask()
		if err == nil || misses >= missesAllowed || !passes(err) {
			return answer, err
		}
		if err := wait(ctx, pace); err != nil {
			return answer, err
		}
	}
}

// passes tells whether an error may be over a moment later.
func passes(err error) bool {
	var fault passing
	return errors.As(err, &fault) && fault.Passing()
}
