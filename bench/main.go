// Command bench measures on this machine, in one run: bakes against the shell floor (the same steps by hand), the secret
// search against grep and ripgrep, bakes side by side against bakes in a row, whichever other image tool is installed
// on the same job, boots that are traced or slow against plain ones, cold first jobs with prefetch and without, and publish against coldsnap.
//
// Every figure is the median of rounds in which each contestant runs once, so that a noisy neighbour meets all of them.
// The product is driven through its command line; nothing of it is switched off. Results go to stdout as a table, or as
// JSON with --json; what is going on, to stderr. It needs root, mounts only in a mount namespace of its own and keeps
// all files in one directory that the next run clears, so nothing is left behind however it ends. It is not a test: a
// missed target is printed, not an error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"image-builder/internal/mountns"

	"golang.org/x/sys/unix"
)

// options are the flags.
type options struct {
	rounds     int
	peerRounds int
	program    string // the image-builder to measure
	account    string // the test server
	base       string // raw disk; "" builds debian:bookworm
	work       string // directory on a disk, not on tmpfs
	cache      string // survives runs
	only       *regexp.Regexp
	json       bool
}

func main() {
	if len(os.Args) > 2 && roles[os.Args[1]] != nil {
		exit(roles[os.Args[1]](os.Args[2:]))
	}
	o := parseFlags()
	exit(errors.Join(mountns.Enter(), measureAll(o)))
}

// roles are what this program does as one of the contestants, so that each has a process of its own.
var roles = map[string]func(args []string) error{
	searchRole:  func(args []string) error { return searchOnce(args[0], args[1]) },
	sendRole:    func(args []string) error { return sendBlocks(context.Background(), args[0]) },
	uploadRole:  func(args []string) error { return uploadDisk(context.Background(), args[0]) },
	hashRole:    func(args []string) error { return hashDisk(args[0]) },
	compareRole: func(args []string) error { return compareDisks(args[0], args[1]) },
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parseFlags() options {
	var o options
	flag.IntVar(&o.rounds, "rounds", 7, "rounds of each measurement")
	flag.IntVar(&o.peerRounds, "peer-rounds", 3, "rounds of the comparison with other tools, which take minutes")
	flag.StringVar(&o.program, "program", "build/image-builder", "the image-builder to measure")
	flag.StringVar(&o.account, "account", "build/account", "the test server that publish is measured against")
	flag.StringVar(&o.base, "base", "", "raw base disk; without it, debian:bookworm is built once and kept in the cache")
	flag.StringVar(&o.work, "work", "/var/tmp/image-builder-bench", "scratch directory, on a real disk with 20 GiB free")
	flag.StringVar(&o.cache, "cache", "build/bench-cache", "directory for what the next run can use again")
	flag.BoolVar(&o.json, "json", false, "print JSON")
	only := flag.String("only", "", "regular expression: the groups to run (null, mirror, parallel, parallel-mirror, memory, search, peers, boot, test, container, prefetch, publish, go)")
	flag.Parse()

	var err error
	o.only, err = regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 || o.rounds < 1 || o.peerRounds < 1 {
		flag.Usage()
		os.Exit(2)
	}

	return o
}

func measureAll(o options) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	free, err := claim(o.work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, free()) }()

	b := &bench{options: o, report: &report{Machine: describeMachine(o), Rounds: o.rounds}}
	defer func() { err = errors.Join(err, b.close()) }()
	err = b.run(ctx)
	return errors.Join(err, b.report.print(os.Stdout, o.json)) // what was measured is worth showing, whatever failed
}

// claim clears the scratch directory and holds it for this process.
func claim(dir string) (free func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: another bench is running: %w", dir, err), lock.Close())
	}

	empty := func() error {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		for _, name := range names {
			err = errors.Join(err, os.RemoveAll(name))
		}
		return err
	}

	return func() error { return errors.Join(empty(), lock.Close(), os.Remove(dir)) }, empty()
}

// bench is one run: the options, what was set up, the results.
type bench struct {
	options
	report  *report
	cleanup []func() error // the last first
}

// group is a set of measurements that can be chosen by name.
type group struct {
	name    string
	measure func(context.Context) error
}

func (b *bench) run(ctx context.Context) error {
	jobs, err := b.prepare(ctx)
	if err != nil {
		return err
	}

	return b.measureGroups(ctx, []group{
		{"null", jobs.measure("null")},
		{"mirror", jobs.measure("mirror")},
		{"parallel", jobs.parallel("null")},
		{"parallel-mirror", jobs.parallel("mirror")},
		{"memory", jobs.memory},
		{"search", jobs.search},
		{"peers", jobs.peers},
		{"boot", jobs.boots},
		{"test", jobs.tests},
		{"container", jobs.containers},
		{"prefetch", jobs.ahead},
		{nearGroup, jobs.uploads(0)},
		{farGroup, jobs.uploads(20 * time.Millisecond)},
		{"publish changes", jobs.changes},
		{"publish blocks", jobs.blocks},
		{"go", b.goBenchmarks},
	})
}

// measureGroups measures the chosen groups. After one that failed it goes on with the next, unless it was interrupted.
func (b *bench) measureGroups(ctx context.Context, groups []group) error {
	var errs []error
	for _, g := range groups {
		if !b.only.MatchString(g.name) {
			continue
		}
		began := time.Now()
		if err := g.measure(ctx); err != nil {
			errs = append(errs, fmt.Errorf("measure %s: %w", g.name, errors.Join(err, context.Cause(ctx))))
			say("%v", errs[len(errs)-1])
		}
		if ctx.Err() != nil {
			break
		}
		say("%s took %v", g.name, time.Since(began).Round(time.Second))
	}

	return errors.Join(errs...)
}

func (b *bench) close() error {
	var errs []error
	for i := len(b.cleanup) - 1; i >= 0; i-- {
		errs = append(errs, b.cleanup[i]())
	}
	return errors.Join(errs...)
}

// say prints what is going on.
func say(format string, args ...any) {
	_, _ = fmt.Fprintf(io.Writer(os.Stderr), format+"\n", args...)
}
