// Package preflight turns a recipe and flags into a stack's parameters, and finds out whether the stack can work
// before anything is created.
//
// Plan works offline: it fills in the template's parameters and checks them against the template's own patterns and
// rules. Checks asks AWS, with the caller's rights, about everything that the stack will rely on. A check that the
// caller lacks permission for is reported as unchecked and does not block. The package changes nothing in AWS,
// uploads nothing and prints nothing.
package preflight
