package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const atOnce = 4

// parallel compares four bakes one after another to four at once, beside four copies of the base by cp: where nothing is
// shared, each bake writes such a copy, and the disk sets the limit for both.
func (j *jobs) parallel(job string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, v := range j.volumes {
			say("%d bakes of the %s job on %s", atOnce, job, v.kind)
			contestants := []contestant{j.several(v, job, 1), j.several(v, job, atOnce), copies(v, 1), copies(v, atOnce)}
			samples, err := interleave(ctx, j.rounds, contestants)
			if err != nil {
				return err
			}
			table := rows(fmt.Sprintf("%d %s bakes on %s", atOnce, job, v.kind), contestants, samples)
			j.report.add(compareParallel(table)...)
		}

		return nil
	}
}

// compareParallel compares the throughput of four at once to that of one after another, and the bakes to the copies.
func compareParallel(table []row) []row {
	for i := 1; i < len(table); i += 2 {
		table[i].Ratio = table[i-1].Median / table[i].Median
		table[i].Against = "throughput of " + table[i-1].Name
	}
	table[1].atLeast(1.7)
	table[2].Against = ""

	limit := table[1]
	limit.Name = "bakes at once, against the copies"
	limit.Against = table[3].Name
	limit.Ratio = limit.Median / table[3].Median
	limit.atMost(1.1)

	return append(table, limit)
}

// several runs four bakes, this many at once.
func (j *jobs) several(v *volume, job string, width int) contestant {
	var ids [atOnce]string

	return contestant{
		name: map[int]string{1: "one after another", atOnce: "all at once"}[width],
		run: func(ctx context.Context) (sample, error) {
			return together(width, func(i int) (err error) {
				_, ids[i], err = timed(command(ctx, j.bakeArgs(v, job)...))
				return err
			})
		},
		after: func(ctx context.Context) error {
			var errs [atOnce]error
			for i, id := range ids {
				errs[i] = j.remove(ctx, v, id)
			}
			return errors.Join(errs[:]...)
		},
	}
}

// copies makes four copies of the base and has them on the drive, as a finished image is, this many at once.
func copies(v *volume, width int) contestant {
	name := func(i int) string { return filepath.Join(v.dir, fmt.Sprintf("copy-%d.raw", i)) }

	remove := func(context.Context) error {
		var errs [atOnce]error
		for i := range errs {
			errs[i] = os.RemoveAll(name(i))
		}
		return errors.Join(errs[:]...)
	}

	return contestant{
		name:   map[int]string{1: "cp, sync: one after another", atOnce: "cp, sync: all at once"}[width],
		before: remove, after: remove,
		run: func(ctx context.Context) (sample, error) {
			return together(width, func(i int) error {
				_, err := output(ctx, "sh", "-c", `cp --reflink=auto --sparse=auto "$1" "$2" && sync "$2"`, "sh", v.base, name(i))
				return err
			})
		},
	}
}

// together measures four runs of a function, this many at once.
func together(width int, run func(i int) error) (sample, error) {
	var errs [atOnce]error
	var wait sync.WaitGroup
	free := make(chan struct{}, width)
	start := time.Now()

	for i := range atOnce {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			errs[i] = run(i)
		})
	}

	wait.Wait()
	return sample{wall: time.Since(start)}, errors.Join(errs[:]...)
}
