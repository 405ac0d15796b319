package imagepipeline

import (
	"context"
	"errors"
)

// patiently asks until there is an answer, or an error that does not pass, or one too often.
func patiently[T any](ctx context.Context, wait Wait, ask func() (T, error)) (T, error) {
	for misses := 0; ; misses++ {
		answer, err := ask()
		if err == nil || misses >= missesAllowed || !passes(err) {
			return answer, err
		}
		if err := wait(ctx, seldom); err != nil {
			return answer, err
		}
	}
}

// passes tells whether an error may be over a moment later.
func passes(err error) bool {
	var fault passing
	return errors.As(err, &fault) && fault.Passing()
}
