// Package early gives a bake its mount namespace before the rest of the program has started.
//
// mountns.Enter starts the program again, so what the program did before that is done twice: the tables of the AWS SDK, the
// grammar of the command line. Go initialises the first package, in the order of import paths, whose imports are ready. This
// one imports so little that it comes before those tables; a test in cmd/image-builder holds that. Importing it is enough.
// It never reports anything: the command calls mountns.Enter in any case, which says what is wrong.
package early

// bakes reports whether args are those of `image-builder bake`. A global flag that it does not know only makes it say no.
func bakes(args []string) bool {
	skip := 1 // the program's name
	for _, arg := range args {
		switch {
		case skip > 0:
			skip--
		case arg == "--data-dir":
			skip = 1
		case arg == "" || arg[0] != '-':
			return arg == "bake"
		}
	}

	return false
}
