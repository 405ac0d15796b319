package patience

import "errors"

// Passing is an error that may be over a moment later: throttling, a connection that was cut. Satisfied by the errors
// of package aws.
type Passing interface {
	error
	Passing() bool
	Cause() string // what happened, without what to do about it
}

// Passes reports whether the same call may be answered a moment later.
func Passes(err error) bool {
	_, passes := causeOf(err)
	return passes
}

// causeOf returns what happened if the error passes.
func causeOf(err error) (cause string, passes bool) {
	var fault Passing
	if !errors.As(err, &fault) || !fault.Passing() {
		return "", false
	}
	return fault.Cause(), true
}
