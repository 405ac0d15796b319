package bootscript

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// presence says whether a variable is set at this point of the script.
type presence int

const (
	absent  presence = iota // on no path
	maybe                   // on some paths
	present                 // on every path
)

// value is what is known about a variable.
type value struct {
	presence presence
	exported bool
	known    bool // text is its value
	text     string
}

// variables are a shell's variables. A missing one is absent.
type variables map[string]value

// exported returns the variables that a called script sees: the exported ones and those assigned in front of the
// call.
func (v variables) exported(extra variables) variables {
	child := variables{}
	for name, value := range v {
		if value.exported {
			child[name] = value
		}
	}
	maps.Copy(child, extra)
	return child
}

// join is what is known after two branches.
func join(a, b variables) variables {
	joined := variables{}
	for name, x := range a {
		y := b[name]
		if x == y {
			joined[name] = x
			continue
		}
		both := value{presence: maybe, exported: x.exported || y.exported}
		if x.presence == present && y.presence == present {
			both.presence = present
		}
		joined[name] = both
	}

	for name, y := range b {
		if _, both := a[name]; !both && y.presence != absent {
			y.presence = maybe
			y.known = false
			joined[name] = y
		}
	}

	return joined
}

// shellSets reports whether bash itself sets a variable, or it is a positional or special parameter.
func shellSets(name string) bool {
	if !syntax.ValidName(name) {
		return true
	}
	switch name {
	case "_", "PWD", "OLDPWD", "SHLVL", "IFS", "OPTIND", "OPTERR", "PPID", "UID", "EUID", "GROUPS", "RANDOM", "SRANDOM", "SECONDS",
		"LINENO", "HOSTNAME", "HOSTTYPE", "MACHTYPE", "OSTYPE", "FUNCNAME", "PIPESTATUS", "DIRSTACK", "SHELLOPTS",
		"EPOCHSECONDS", "EPOCHREALTIME", "PS4":
		return true
	}
	return strings.HasPrefix(name, "BASH")
}

func limited(file fs.File) (string, error) {
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && len(text) > most {
		err = errors.New("larger than 1 MiB")
	}
	return string(text), err
}
