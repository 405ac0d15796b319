// Package called finds the name of the command in an argument list, before the command line is parsed.
//
// What it says saves time and decides nothing: parsing does. It imports nothing, so that early can ask it at once.
package called

// Command returns the first word in args, which are without the program's name, that is neither a global flag nor the value
// of one; "" without such a word.
func Command(args []string) string {
	at := word(args)
	if at < 0 {
		return ""
	}
	return args[at]
}

// Subcommand returns the argument that follows Command's, if it is a word; else "".
func Subcommand(args []string) string {
	at := word(args)
	if at < 0 || at+1 == len(args) || isFlag(args[at+1]) {
		return ""
	}
	return args[at+1]
}

// word is where Command's is; -1 without one.
func word(args []string) int {
	value := false // of --data-dir
	for i, arg := range args {
		if !value && !isFlag(arg) {
			return i
		}
		value = !value && arg == "--data-dir"
	}
	return -1
}

func isFlag(arg string) bool { return arg != "" && arg[0] == '-' }
