// Package called finds the name of the command in an argument list, before the command line is parsed.
//
// What it says saves time and decides nothing: parsing does. It imports nothing, so that early can ask it at once.
package called

// Command returns the first word in args, which are without the program's name, that is neither a global flag nor the value
// of one; "" without such a word.
func Command(args []string) string {
	value := false // of --data-dir
	for _, arg := range args {
		if !value && (arg == "" || arg[0] != '-') {
			return arg
		}
		value = !value && arg == "--data-dir"
	}
	return ""
}
