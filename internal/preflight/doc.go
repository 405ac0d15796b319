// Package preflight turns a recipe and flags into what a stack is told, and finds out before anything is created whether
// it can work.
//
// Plan needs no network: it fills in the template's parameters and holds against them what the template itself says of
// them. Checks asks AWS, with the caller's own rights, for what the stack will rely on. A check that the caller may not
// make is reported as such and refuses nothing. The package changes nothing in AWS, uploads nothing and prints nothing.
package preflight
