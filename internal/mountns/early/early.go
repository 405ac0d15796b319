// Package early gives a bake, or the test of an image, its mount namespace before the rest of the program has started.
//
// mountns.Enter starts the program again, so what the program did before that is done twice: the tables of the AWS SDK, the
// grammar of the command line. Go initialises the first package, in the order of import paths, whose imports are ready. This
// one imports so little that it comes before those tables; a test in cmd/image-builder holds that. Importing it is enough.
// It never reports anything: the command calls mountns.Enter in any case, which says what is wrong.
package early
