// Command attack tries to break what the program promises, and prints how often it tried and how often it succeeded.
// `make attack` runs it, as root; it takes minutes and is not part of `make test`.
//
// Each attack is one file. The program works in a directory of its own, which it removes on every way out except its
// own kill -9, and never touches another data directory. It ends with status 1 if any attempt broke a promise, and with
// status 2 if an attack could not be made, or was not finished within its bound.
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
	bound time.Duration // an attack that takes longer is cut short and counts as not finished
}

func attacks() []attack {
	return []attack{
		{"bake, kill -9 at random", killBakes, 10 * time.Minute},
		{"bake, kill -9 at each commit step", killSteps, 10 * time.Minute},
		{"base pull, kill -9 at random", killPulls, 10 * time.Minute},
		{"image export, kill -9 at random", killExports, 10 * time.Minute},
		{"secrets, against grep -aF", hideSecrets, 5 * time.Minute},
		{"hostile trees", bakeTrees, 15 * time.Minute},
		{"hostile tables and superblocks", pullTables, 10 * time.Minute},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	only := flag.String("only", "", "make only the attacks whose names contain `WORD`")
	flag.Parse()

	found, err := run(ctx, *only)
	stop()

	status, line := found.verdict(err)
	if status != 0 {
		fmt.Fprintln(os.Stderr, "attack:", line)
		os.Exit(status)
	}

	fmt.Println(line)
}

// findings sum up the attacks that were made.
type findings struct {
	attacks    int
	broken     int      // attempts after which a promise did not hold
	unfinished []string // names of the attacks that were cut short
}

// verdict returns the exit status and the last line. A broken promise wins over an attack that could not be made or
// finished, and an attack that was not finished is never a success.
func (f findings) verdict(err error) (status int, line string) {
	var parts []string
	if f.broken > 0 {
		status = 1
		parts = append(parts, fmt.Sprintf("%d attempts broke a promise", f.broken))
	}

	if err != nil {
		parts = append(parts, err.Error())
	}

	if len(f.unfinished) > 0 {
		parts = append(parts, "not finished: "+strings.Join(f.unfinished, ", "))
	}

	switch {
	case len(parts) == 0:
		parts = append(parts, fmt.Sprintf("%d attacks finished, no promise broke", f.attacks))
	case status == 0:
		status = 2
	}

	return status, strings.Join(parts, "; ")
}

// run makes the attacks one after the other.
func run(ctx context.Context, only string) (found findings, err error) {
	program, err := filepath.Abs("build/image-builder")
	if err != nil {
		return found, err
	}
	work, err := os.MkdirTemp("", "image-builder-attack-")
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	chosen := slices.DeleteFunc(attacks(), func(a attack) bool { return !strings.Contains(a.name, only) })
	if len(chosen) == 0 {
		return found, fmt.Errorf("choose attacks: the name of none contains %q", only)
	}

	fmt.Println(header)

	for i, one := range chosen {
		result, err := one.make(ctx, program, filepath.Join(work, fmt.Sprint(i)))
		fmt.Println(result)
		found.broken += result.broken
		if err != nil {
			return found, fmt.Errorf("%s: %w", one.name, err)
		}

		found.attacks++
		if result.isCut {
			found.unfinished = append(found.unfinished, one.name)
		}
	}

	return found, nil
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
		result.isCut = true
		result.note("NOT FINISHED within %s", a.bound)
		return result, nil
	}

	return result, errors.Join(err, ctx.Err())
}
