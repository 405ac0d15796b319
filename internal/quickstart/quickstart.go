// Package quickstart keeps the garbage collector out of a program's first moments.
//
// Before main runs, packages build tables that stay (the AWS SDK's schemas are most of them), and the command line is
// parsed: to collect meanwhile takes a fifth of a start and frees nothing. A bake starts this program three times. The
// package sets the collector's thresholds higher, and changes nothing else; importing it is enough, since Go initialises a
// package as soon as what it imports is.
package quickstart

import (
	"os"
	"runtime/debug"
)

const (
	// percent lets the heap grow to 16 MiB before the first collection, four times Go's own start, and after that to five
	// times what is in use.
	percent = 400
	// limit ends that growth, in bytes: a publication holds many blocks in memory, and must not hold them five times.
	limit = 128 << 20
)

func init() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(percent)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
}
