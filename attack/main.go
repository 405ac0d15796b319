// Command attack tries to break what the program promises, and prints how often it tried and how often it succeeded.
// `make attack` runs it, as root; it takes minutes and is not part of `make test`.
//
// Each attack is one file. The program works in a directory of its own, which it removes on every way out except its
// own kill -9, and never touches another data directory. It ends with status 1 if any attempt broke a promise, and with
// status 2 if an attack could not be made.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// attack is one way to break a promise; it works in a directory of its own and ends soon after ctx does.
type attack struct {
	name  string
	run   func(ctx context.Context, l lab, c *count) error
	bound time.Duration // an attack that takes longer ends with the attempts that it has made
}

func attacks() []attack {
	return []attack{
		{"bake, kill -9 at random", killBakes, 3 * time.Minute},
		{"bake, kill -9 at each commit step", killSteps, 2 * time.Minute},
		{"base pull, kill -9 at random", killPulls, 2 * time.Minute},
		{"image export, kill -9 at random", killExports, 2 * time.Minute},
		{"secrets, against grep -aF", hideSecrets, 2 * time.Minute},
		{"hostile trees", bakeTrees, 3 * time.Minute},
		{"hostile tables and superblocks", pullTables, 3 * time.Minute},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	only := flag.String("only", "", "make only the attacks whose names contain `WORD`")
	flag.Parse()

	broken, err := run(ctx, *only)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(2)
	case broken > 0:
		fmt.Fprintf(os.Stderr, "attack: %d attempts broke a promise\n", broken)
		os.Exit(1)
	}
}

// run makes the attacks one after the other and returns how many attempts broke a promise.
func run(ctx context.Context, only string) (broken int, err error) {
	program, err := filepath.Abs("build/image-builder")
	if err != nil {
		return 0, err
	}
	work, err := os.MkdirTemp("", "image-builder-attack-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	chosen := slices.DeleteFunc(attacks(), func(a attack) bool { return !strings.Contains(a.name, only) })
	fmt.Println(header)
	for i, one := range chosen {
		result, err := one.make(ctx, program, filepath.Join(work, fmt.Sprint(i)))
		fmt.Println(result)
		broken += result.broken
		if err != nil {
			return broken, fmt.Errorf("%s: %w", one.name, err)
		}
	}

	return broken, nil
}

// make makes one attack in a new directory, within its bound.
func (a attack) make(ctx context.Context, program, dir string) (result *count, err error) {
	result = &count{name: a.name, began: time.Now()}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	bounded, cancel := context.WithTimeout(ctx, a.bound)
	defer cancel()
	err = a.run(bounded, lab{program: program, dir: dir, data: filepath.Join(dir, "data")}, result)
	result.took = time.Since(result.began)
	if ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) {
		result.notes = append(result.notes, "out of time")
		return result, nil
	}

	return result, errors.Join(err, ctx.Err())
}
