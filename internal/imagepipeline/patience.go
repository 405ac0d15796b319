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
	_, passes := causeOf(err)
	return passes
}

// causeOf returns what happened if the error may be over a moment later.
func causeOf(err error) (string, bool) {
	var fault passing
	if !errors.As(err, &fault) || !fault.Passing() {
		return "", false
	}
	return fault.Cause(), true
}
